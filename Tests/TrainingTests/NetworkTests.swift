import FleetModel
import ONNXFormat
import Sketches
import Testing

@testable import Training

/// A shape, and parameters that fit it.
struct NetworkCase: Sendable, CustomTestStringConvertible {
    var name: String
    var frame: FrameDescription
    var parameters: TrainerParameters

    var testDescription: String { name }

    static func make(
        _ name: String, _ kind: FrameKind, _ steps: Int, _ width: Int, _ change: (inout TrainerParameters) -> Void
    ) -> NetworkCase {
        var parameters = TrainerParameters()
        parameters.dropout = 0
        change(&parameters)
        let channels = (0..<(kind == .image ? 1 : width)).map { Channel(name: "c\($0)", unit: "") }
        return NetworkCase(
            name: name, frame: FrameDescription(kind: kind, steps: steps, width: width, channels: channels),
            parameters: parameters)
    }

    static let all = [
        make("perceptron on a table", .table, 1, 5) {
            $0.architecture = .perceptron
            $0.hidden = [7, 6]
        },
        make("perceptron on a series", .timeseries, 4, 3) {
            $0.architecture = .perceptron
            $0.hidden = [9]
        },
        make("1-D convolution, maximum", .timeseries, 11, 3) {
            $0.filters = [5, 8]
            $0.kernel = 3
        },
        make("1-D convolution, even kernel, mean", .timeseries, 9, 2) {
            $0.filters = [4]
            $0.kernel = 4
            $0.pooling = .mean
        },
        make("1-D convolution, no pooling", .timeseries, 7, 2) {
            $0.filters = [3, 4]
            $0.kernel = 5
            $0.pooling = .none
        },
        make("2-D convolution, maximum", .image, 6, 5) {
            $0.filters = [4, 9]
            $0.kernel = 3
            $0.strides = [1, 2]
        },
        make("2-D convolution, no pooling", .image, 5, 4) {
            $0.filters = [3]
            $0.kernel = 3
            $0.strides = [2]
            $0.pooling = .none
        },
    ]

    func plan(classes: Int = 3) throws -> NetworkPlan {
        try NetworkPlan(frame: frame, classes: classes, parameters: parameters)
    }
}

@Suite("networks")
struct NetworkTests {
    private func frames(_ count: Int, _ width: Int) -> [Float] {
        var generator = SeededGenerator(seed: 5)
        return (0..<count * width).map { _ in 2 * generator.uniform() - 1 }
    }

    private func loss(_ network: Network, _ input: [Float], _ targets: [Int]) -> Double {
        var none: SeededGenerator?
        network.forward(input, frames: targets.count, dropout: &none)
        let result = CrossEntropy.evaluate(
            scores: network.scores, targets: targets, weights: [1, 2, 0.5, 1], classes: 3, smoothing: 0.1,
            errors: network.scoreErrors)
        return result.loss / result.weight
    }

    @Test("the gradient is that of finite differences", arguments: NetworkCase.all)
    func gradient(_ shape: NetworkCase) throws {
        let plan = try shape.plan()
        let network = Network(plan, batch: 4, parameters: plan.initialParameters(seed: 3))
        let input = frames(4, shape.frame.valueCount)
        let targets = [0, 2, 1, 2]
        _ = loss(network, input, targets)
        network.backward(input, frames: 4)
        let gradient = network.gradient.array
        var wrong = 0
        for index in 0..<plan.parameterCount {
            let value = network.parameters.base[index]
            network.parameters.base[index] = value + 5e-4
            let above = loss(network, input, targets)
            network.parameters.base[index] = value - 5e-4
            let below = loss(network, input, targets)
            network.parameters.base[index] = value
            let difference = Float((above - below) / 1e-3)
            if abs(difference - gradient[index]) > 2e-3 + 0.02 * abs(difference) { wrong += 1 }
        }
        // A step over a kink of ReLU or of a maximum spoils a few differences, never many.
        #expect(wrong <= plan.parameterCount / 15, "\(wrong) of \(plan.parameterCount)")
    }

    @Test("a model that was written gives back its weights", arguments: NetworkCase.all)
    func weights(_ shape: NetworkCase) throws {
        let plan = try shape.plan()
        let weights = plan.initialParameters(seed: 8)
        let model = plan.model(weights: weights, steps: shape.frame.steps, width: shape.frame.width)
        let parsed = try ONNXModel(parsing: model.serialized())
        #expect(plan.weights(of: parsed) == weights)
    }

    @Test("weights of other layers are not taken")
    func otherLayers() throws {
        let plans = try NetworkCase.all.map { try $0.plan() }
        for (first, shape) in zip(plans, NetworkCase.all) {
            let model = first.model(
                weights: first.initialParameters(seed: 1), steps: shape.frame.steps, width: shape.frame.width)
            let takers = plans.filter { $0.weights(of: model) != nil }
            #expect(takers.count == 1)
        }
    }

    @Test("a table row has no neighbours to convolve")
    func tableWithoutNeighbours() {
        let shape = NetworkCase.make("table", .table, 1, 4) { $0.architecture = .convolution }
        #expect(throws: TrainingError.self) { try shape.plan() }
    }

    @Test("the product is that of the definition, for every left stride", arguments: [1, 3, 4, 5, 8, 9, 17])
    func product(size: Int) {
        let (rows, inner, columns) = (size + 2, size + 1, size)
        let a = frames(rows, inner)
        let b = frames(inner, columns).map { $0 * 0.7 }
        var straight = [Float](repeating: 1, count: rows * columns)
        var turned = [Float](repeating: 0, count: rows * columns)
        var flipped = [Float](repeating: 0, count: rows * inner)
        a.withUnsafeBufferPointer { a in
            guard let base = a.baseAddress else { return }
            Matrix.multiply(
                .rows(base, columns: inner), b, into: &straight, rows: rows, inner: inner, columns: columns,
                accumulate: true)
        }
        Matrix.transpose(a, rows: rows, columns: inner, into: &flipped)
        flipped.withUnsafeBufferPointer { flipped in
            guard let base = flipped.baseAddress else { return }
            Matrix.multiply(
                .transposed(base, columns: rows), b, into: &turned, rows: rows, inner: inner, columns: columns)
        }
        for row in 0..<rows {
            for column in 0..<columns {
                let sum = (0..<inner).reduce(Float(0)) { $0 + a[row * inner + $1] * b[$1 * columns + column] }
                #expect(abs(straight[row * columns + column] - sum - 1) < 1e-5)
                #expect(abs(turned[row * columns + column] - sum) < 1e-5)
            }
        }
    }
}
