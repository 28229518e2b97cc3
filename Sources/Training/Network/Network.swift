import Sketches

/// A network with its numbers: forward and backward over a batch. Used by one task at a time.
final class Network {
    let plan: NetworkPlan
    let batch: Int
    let parameters: FloatBuffer
    let gradient: FloatBuffer
    private let activations: [FloatBuffer]
    private let errors: [FloatBuffer]
    /// Of a convolution: the windows laid out as rows. Of a dropout layer: the factors.
    private let notes: [FloatBuffer]
    /// For a maximum: which position won.
    private var winners: [[Int32]]
    private let transposed: FloatBuffer

    /// - Parameter batch: the most frames that go through at once.
    init(_ plan: NetworkPlan, batch: Int, parameters values: [Float]) {
        self.plan = plan
        self.batch = batch
        parameters = FloatBuffer(count: plan.parameterCount)
        gradient = FloatBuffer(count: plan.parameterCount)
        parameters.copy(values)
        activations = plan.layers.map { FloatBuffer(count: batch * $0.output.count) }
        errors = plan.layers.map { FloatBuffer(count: batch * $0.output.count) }
        notes = plan.layers.map { layer in
            switch layer.kind {
            case .convolution: FloatBuffer(count: 2 * batch * layer.output.positions * layer.inner)
            case .dropout: FloatBuffer(count: batch * layer.output.count)
            case .dense, .relu, .maxOverPositions, .meanOverPositions: FloatBuffer(count: 0)
            }
        }
        winners = plan.layers.map { layer in
            layer.kind == .maxOverPositions ? [Int32](repeating: 0, count: batch * layer.output.count) : []
        }
        transposed = FloatBuffer(count: plan.layers.map(\.weightCount).max() ?? 0)
    }

    /// Scores before softmax of the last batch, [frames, classes].
    var scores: UnsafeMutablePointer<Float> { activations[activations.count - 1].base }
    /// Where the caller puts the loss's derivative by the scores before `backward`.
    var scoreErrors: UnsafeMutablePointer<Float> { errors[errors.count - 1].base }

    // MARK: - Forward

    /// Runs `frames` frames of normalised values; dropout only with a generator.
    func forward(_ input: UnsafePointer<Float>, frames: Int, dropout generator: inout SeededGenerator?) {
        var x = input
        for (index, layer) in plan.layers.enumerated() {
            let y = activations[index].base
            switch layer.kind {
            case .dense:
                affine(layer, x, y, rows: frames)
            case .convolution(let window):
                let rows = frames * layer.output.positions
                Windows.gather(x, window, layer, frames: frames, into: notes[index].base)
                affine(layer, notes[index].base, y, rows: rows)
            case .relu:
                for value in 0..<frames * layer.output.count { y[value] = max(x[value], 0) }
            case .maxOverPositions:
                maximum(layer, x, y, frames, &winners[index])
            case .meanOverPositions:
                mean(layer, x, y, frames)
            case .dropout(let rate):
                drop(x, y, notes[index].base, frames * layer.output.count, rate, &generator)
            }
            x = UnsafePointer(y)
        }
    }

    private func affine(
        _ layer: PlannedLayer, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, rows: Int
    ) {
        let columns = layer.output.channels
        let bias = parameters.base + layer.biasStart
        for row in 0..<rows { (y + row * columns).update(from: bias, count: columns) }
        Matrix.multiply(
            .rows(x, columns: layer.inner), parameters.base + layer.parameters.lowerBound, into: y, rows: rows,
            inner: layer.inner, columns: columns, accumulate: true)
    }

    private func maximum(
        _ layer: PlannedLayer, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ frames: Int,
        _ winners: inout [Int32]
    ) {
        let channels = layer.input.channels
        for frame in 0..<frames {
            let source = x + frame * layer.input.count
            for channel in 0..<channels {
                var best = source[channel]
                var winner = 0
                for position in 1..<max(layer.input.positions, 1) where source[position * channels + channel] > best {
                    best = source[position * channels + channel]
                    winner = position
                }
                y[frame * channels + channel] = best
                winners[frame * channels + channel] = Int32(winner)
            }
        }
    }

    private func mean(
        _ layer: PlannedLayer, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ frames: Int
    ) {
        let channels = layer.input.channels
        let share = 1 / Float(layer.input.positions)
        for frame in 0..<frames {
            let target = y + frame * channels
            for channel in 0..<channels { target[channel] = 0 }
            for position in 0..<layer.input.positions {
                let source = x + frame * layer.input.count + position * channels
                for channel in 0..<channels { target[channel] += source[channel] * share }
            }
        }
    }

    private func drop(
        _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ factors: UnsafeMutablePointer<Float>,
        _ count: Int, _ rate: Float, _ generator: inout SeededGenerator?
    ) {
        guard generator != nil else {
            y.update(from: x, count: count)
            return
        }
        let kept = 1 / (1 - rate)
        for index in 0..<count {
            factors[index] = (generator?.uniform() ?? 1) < rate ? 0 : kept
            y[index] = x[index] * factors[index]
        }
    }

    // MARK: - Backward

    /// From `scoreErrors` of the last `forward` to the gradient of the parameters.
    func backward(_ input: UnsafePointer<Float>, frames: Int) {
        for index in plan.layers.indices.reversed() {
            let layer = plan.layers[index]
            let x = index == 0 ? input : UnsafePointer(activations[index - 1].base)
            let y = UnsafePointer(activations[index].base)
            let g = UnsafePointer(errors[index].base)
            let below: UnsafeMutablePointer<Float>? = index == 0 ? nil : errors[index - 1].base
            switch layer.kind {
            case .dense:
                affineBackward(layer, x, g, below, rows: frames)
            case .convolution(let window):
                let rows = frames * layer.output.positions
                let unfolded = below == nil ? nil : notes[index].base + batch * layer.output.positions * layer.inner
                affineBackward(layer, UnsafePointer(notes[index].base), g, unfolded, rows: rows)
                if let below, let unfolded {
                    below.update(repeating: 0, count: frames * layer.input.count)
                    Windows.scatter(unfolded, window, layer, frames: frames, into: below)
                }
            case .relu:
                guard let below else { continue }
                for value in 0..<frames * layer.output.count { below[value] = y[value] > 0 ? g[value] : 0 }
            case .maxOverPositions, .meanOverPositions:
                guard let below else { continue }
                poolBackward(index, g, below, frames)
            case .dropout:
                guard let below else { continue }
                let factors = notes[index].base
                for value in 0..<frames * layer.output.count { below[value] = g[value] * factors[value] }
            }
        }
    }

    private func affineBackward(
        _ layer: PlannedLayer, _ x: UnsafePointer<Float>, _ g: UnsafePointer<Float>,
        _ below: UnsafeMutablePointer<Float>?, rows: Int
    ) {
        let columns = layer.output.channels
        let weights = parameters.base + layer.parameters.lowerBound
        Matrix.multiply(
            .transposed(x, columns: layer.inner), g, into: gradient.base + layer.parameters.lowerBound,
            rows: layer.inner, inner: rows, columns: columns)
        let bias = gradient.base + layer.biasStart
        for column in 0..<columns { bias[column] = 0 }
        for row in 0..<rows {
            for column in 0..<columns { bias[column] += g[row * columns + column] }
        }
        guard let below else { return }
        Matrix.transpose(weights, rows: layer.inner, columns: columns, into: transposed.base)
        Matrix.multiply(
            .rows(g, columns: columns), transposed.base, into: below, rows: rows, inner: columns,
            columns: layer.inner)
    }

    private func poolBackward(
        _ index: Int, _ g: UnsafePointer<Float>, _ below: UnsafeMutablePointer<Float>, _ frames: Int
    ) {
        let layer = plan.layers[index]
        let channels = layer.input.channels
        below.update(repeating: 0, count: frames * layer.input.count)
        for frame in 0..<frames {
            let target = below + frame * layer.input.count
            for channel in 0..<channels {
                let error = g[frame * channels + channel]
                if layer.kind == .maxOverPositions {
                    target[Int(winners[index][frame * channels + channel]) * channels + channel] = error
                } else {
                    for position in 0..<layer.input.positions {
                        target[position * channels + channel] = error / Float(layer.input.positions)
                    }
                }
            }
        }
    }
}
