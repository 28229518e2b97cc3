import Sketches
import TensorKernels
import Testing

/// A reference that is written as the formula is, in double precision.
struct WindowReference {
    let window: SlidingWindow

    /// Calls `body` for each tap inside the input with (tap index, offset of the input pixel).
    func forEachTap(_ batch: Int, _ row: Int, _ column: Int, _ body: (Int, Int) -> Void) {
        for j in 0..<window.kernelHeight {
            for i in 0..<window.kernelWidth {
                let y = row * window.strideHeight + j * window.dilationHeight - window.padTop
                let x = column * window.strideWidth + i * window.dilationWidth - window.padLeft
                guard y >= 0, y < window.inputHeight, x >= 0, x < window.inputWidth else { continue }
                let pixel = (batch * window.inputHeight + y) * window.inputWidth + x
                body(j * window.kernelWidth + i, pixel * window.channels)
            }
        }
    }

    func map(channels: Int, _ value: (Int, Int, Int, Int) -> Double) -> [Double] {
        var result: [Double] = []
        for batch in 0..<window.batch {
            for row in 0..<window.outputHeight {
                for column in 0..<window.outputWidth {
                    for channel in 0..<channels { result.append(value(batch, row, column, channel)) }
                }
            }
        }
        return result
    }
}

extension SlidingWindow {
    /// A random window whose output has at least one pixel; its last windows may be partial when `roundsUp`.
    static func random(
        channels: Int, roundsUp: Bool = false, using random: inout SeededGenerator
    ) -> SlidingWindow {
        var window = SlidingWindow()
        window.batch = Int.random(in: 1...2, using: &random)
        window.channels = channels
        window.kernelHeight = Int.random(in: 1...4, using: &random)
        window.kernelWidth = Int.random(in: 1...5, using: &random)
        window.strideHeight = Int.random(in: 1...3, using: &random)
        window.strideWidth = Int.random(in: 1...3, using: &random)
        window.dilationHeight = Int.random(in: 1...2, using: &random)
        window.dilationWidth = Int.random(in: 1...3, using: &random)
        window.padTop = Int.random(in: 0...window.kernelHeight, using: &random)
        window.padBottom = Int.random(in: 0..<window.kernelHeight, using: &random)
        window.padLeft = Int.random(in: 0...window.kernelWidth, using: &random)
        window.padRight = Int.random(in: 0..<window.kernelWidth, using: &random)
        let height = (window.kernelHeight - 1) * window.dilationHeight + 1
        let width = (window.kernelWidth - 1) * window.dilationWidth + 1
        window.inputHeight = height + Int.random(in: 0...6, using: &random)
        window.inputWidth = width + Int.random(in: 0...9, using: &random)
        let extra = roundsUp ? (window.strideHeight - 1, window.strideWidth - 1) : (0, 0)
        let rows = window.inputHeight + window.padTop + window.padBottom - height + extra.0
        let columns = window.inputWidth + window.padLeft + window.padRight - width + extra.1
        window.outputHeight = rows / window.strideHeight + 1
        window.outputWidth = columns / window.strideWidth + 1
        return window
    }

    var inputCount: Int { batch * inputPlane }
    func outputCount(_ channels: Int) -> Int { batch * outputHeight * outputWidth * channels }
}

@Suite("Windows on every instruction set")
struct WindowTests {
    @Test("a grouped convolution is the sum over its taps", arguments: KernelModule.available, [1, 2, 3])
    func convolution(module: KernelModule, groups: Int) {
        var random = SeededGenerator(seed: 10 + UInt64(groups))
        for _ in 0..<25 {
            let perGroup = Int.random(in: 1...9, using: &random)
            let filters = Int.random(in: 1...20, using: &random)
            var window = SlidingWindow.random(channels: perGroup * groups, using: &random)
            if Bool.random(using: &random), window.inputHeight > 1 { window = window.pointwise }
            let input = random.floats(window.inputCount)
            let inner = window.taps * perGroup
            let weights = (0..<groups).map { _ in random.floats(inner * filters) }
            let bias = random.floats(filters * groups)
            let y = AlignedFloats(count: window.outputCount(filters * groups))
            let addend = Bool.random(using: &random) ? random.floats(window.outputCount(filters * groups)) : nil
            let z = addend.map { AlignedFloats($0) }
            let x = AlignedFloats(input)
            let panels = AlignedFloats(weights.flatMap { packed($0, rows: inner, columns: filters) })
            // One vector more than the biases: a group's last vector reaches past its own.
            let b = AlignedFloats(paddedToVector(bias))
            let scratch = AlignedFloats(count: window.stripElements)
            module.table.convolution(
                ConvolutionArguments(
                    window: window, groups: groups, filters: filters * groups, input: x.pointer,
                    panels: panels.pointer, bias: b.pointer, addend: z.map { UnsafePointer($0.pointer) },
                    result: y.pointer, scratch: scratch.pointer, clamp: .none))
            let reference = WindowReference(window: window)
            var place = 0
            let expected = reference.map(channels: filters * groups) { batch, row, column, filter in
                var sum = Double(bias[filter]) + (addend.map { Double($0[place]) } ?? 0)
                place += 1
                let group = filter / filters
                reference.forEachTap(batch, row, column) { tap, offset in
                    for channel in 0..<perGroup {
                        let weight = weights[group][(tap * perGroup + channel) * filters + filter % filters]
                        sum += Double(input[offset + group * perGroup + channel]) * Double(weight)
                    }
                }
                return sum
            }
            #expect(largestError(y.values, expected) < 1e-5, "\(module.name) \(window)")
            #expect(y.isSlackUntouched && scratch.isSlackUntouched)
        }
    }

    @Test("a depthwise convolution has one filter per channel", arguments: KernelModule.available)
    func depthwise(module: KernelModule) {
        var random = SeededGenerator(seed: 20)
        for channels in [1, 3, 4, 8, 12, 15, 16, 17, 24, 33, 40, 64, 70, 96] + Array(1...20) {
            let window = SlidingWindow.random(channels: channels, using: &random)
            let input = random.floats(window.inputCount)
            let weights = random.floats(window.taps * channels)
            let bias = random.floats(channels)
            let x = AlignedFloats(input)
            let panels = AlignedFloats(packed(weights, rows: window.taps, columns: channels))
            let b = AlignedFloats(paddedToVector(bias))
            let y = AlignedFloats(count: window.outputCount(channels))
            module.table.depthwise(
                DepthwiseArguments(
                    window: window, input: x.pointer, panels: panels.pointer, bias: b.pointer, result: y.pointer,
                    clamp: .relu))
            let reference = WindowReference(window: window)
            let expected = reference.map(channels: channels) { batch, row, column, channel in
                var sum = Double(bias[channel])
                reference.forEachTap(batch, row, column) { tap, offset in
                    sum += Double(input[offset + channel]) * Double(weights[tap * channels + channel])
                }
                return max(0, sum)
            }
            #expect(largestError(y.values, expected) < 1e-5, "\(module.name) \(window)")
            #expect(y.isSlackUntouched)
        }
    }

    @Test(
        "pools ignore padding, or count it when told", arguments: KernelModule.available,
        [PoolKind.maximum, .average, .averageWithPadding])
    func pools(module: KernelModule, kind: PoolKind) {
        var random = SeededGenerator(seed: 30)
        for channels in [1, 3, 8, 16, 21] {
            var window = SlidingWindow.random(channels: channels, roundsUp: true, using: &random)
            window.padTop = min(window.padTop, window.kernelHeight - 1)
            window.padLeft = min(window.padLeft, window.kernelWidth - 1)
            let input = random.floats(window.inputCount)
            let x = AlignedFloats(input)
            let y = AlignedFloats(count: window.outputCount(channels))
            module.table.pool(PoolArguments(window: window, kind: kind, input: x.pointer, result: y.pointer))
            let reference = WindowReference(window: window)
            let expected = reference.map(channels: channels) { batch, row, column, channel in
                var values: [Double] = []
                reference.forEachTap(batch, row, column) { _, offset in values.append(Double(input[offset + channel])) }
                switch kind {
                case .maximum: return values.max() ?? -.infinity
                case .average: return values.reduce(0, +) / Double(max(1, values.count))
                case .averageWithPadding:
                    return values.reduce(0, +) / Double(window.countInsidePadding(row: row, column: column))
                }
            }
            #expect(largestError(y.values, expected) < 1e-5, "\(module.name) \(kind) \(window)")
        }
    }
}

extension SlidingWindow {
    /// The same input under a 1×1 window.
    var pointwise: SlidingWindow {
        var window = SlidingWindow()
        (window.batch, window.channels) = (batch, channels)
        (window.inputHeight, window.inputWidth) = (inputHeight, inputWidth)
        (window.outputHeight, window.outputWidth) = (inputHeight, inputWidth)
        return window
    }

    /// The taps of one window that lie inside the padded input.
    fileprivate func countInsidePadding(row: Int, column: Int) -> Int {
        let rows = (0..<kernelHeight).filter {
            row * strideHeight + $0 * dilationHeight < inputHeight + padTop + padBottom
        }
        let columns = (0..<kernelWidth).filter {
            column * strideWidth + $0 * dilationWidth < inputWidth + padLeft + padRight
        }
        return max(1, rows.count * columns.count)
    }
}
