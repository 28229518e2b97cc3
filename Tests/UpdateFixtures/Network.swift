import Foundation
import ModelCompiler
import ModelImage
import ONNXFormat
package import Sketches

/// A multilayer perceptron, compiled before and after a change of its weights.
package struct Network {
    /// Inputs of each layer, then the outputs of the last: 0.3 million weights, 9 % of them in the last layer.
    package static let small = [320, 256, 256, 256, 256, 108]

    package let widths: [Int]
    /// Weights of each layer.
    package var layers: [[Float]]

    package init(seed: UInt64, widths: [Int] = Self.small) {
        var random = SeededGenerator(seed: seed)
        self.widths = widths
        layers = zip(widths, widths.dropFirst()).map { rows, columns in
            let deviation = 1 / Float(rows).squareRoot()
            return (0..<rows * columns).map { _ in deviation * random.normal() }
        }
    }

    /// Every weight moved by `share` of its layer's deviation.
    package func tuned(_ share: Float, layers chosen: Range<Int>? = nil, seed: UInt64 = 7) -> Network {
        var random = SeededGenerator(seed: seed)
        var network = self
        for layer in chosen ?? layers.indices {
            let step = share / Float(widths[layer]).squareRoot()
            for index in layers[layer].indices { network.layers[layer][index] += step * random.normal() }
        }
        return network
    }

    /// Weights of all layers.
    package var weightCount: Int { layers.reduce(0) { $0 + $1.count } }

    /// What the compiler makes of it.
    package func image() throws -> [UInt8] {
        var graph = ONNXGraph(name: "mlp")
        graph.inputs.append(
            ONNXValueInfo(name: "x", elementType: .float, dims: [.value(1), .value(widths[0])]))
        var last = "x"
        for (index, weights) in layers.enumerated() {
            graph.initializers.append(
                ONNXTensor(name: "w\(index)", dims: [widths[index], widths[index + 1]], floats: weights))
            graph.nodes.append(
                ONNXNode("MatMul", name: "dense\(index)", inputs: [last, "w\(index)"], outputs: ["z\(index)"]))
            graph.nodes.append(
                ONNXNode("Relu", name: "relu\(index)", inputs: ["z\(index)"], outputs: ["y\(index)"]))
            last = "y\(index)"
        }
        graph.outputs.append(ONNXValueInfo(name: last, type: nil))
        let onnx = ONNXModel(operatorSets: [ONNXOperatorSet(version: 17)], graph: graph)
        return try ModelCompiler.compile(onnx).imageBytes
    }

    /// The layers as int8 constants of one scale each, in an image that computes nothing.
    package func integerImage(scales: [Float]) throws -> [UInt8] {
        var image = ImageDescription()
        for (index, weights) in layers.enumerated() {
            let values = weights.map { UInt8(bitPattern: Int8(max(-127, min(127, ($0 / scales[index]).rounded())))) }
            _ = image.add(
                .init(name: "w\(index)", elementType: .int8, kind: .constant, shape: [values.count], data: values))
        }
        let x = image.add(.input("x", shape: [1, 4], at: 0))
        let y = image.add(.output("y", shape: [1, 4], at: 64))
        image.operations = [.init(.copy, inputs: [x], output: y, name: "copy")]
        (image.inputs, image.outputs, image.arenaBytes) = ([x], [y], 128)
        return try image.encoded()
    }

    /// The step of each layer's weights as int8.
    package var scales: [Float] { layers.map { ($0.map(abs).max() ?? 1) / 127 } }
}

extension SeededGenerator {
    /// A draw from the standard normal distribution (Box and Muller).
    package mutating func normal() -> Float {
        let radius = (-2 * log(Double.random(in: Double.leastNonzeroMagnitude..<1, using: &self))).squareRoot()
        return Float(radius * cos(2 * Double.pi * Double.random(in: 0..<1, using: &self)))
    }
}
