import Sketches
import TensorKernels
import Testing

/// Random bytes as numbers, with the memory that kernels read: 64-byte aligned, slack behind it.
private final class Bytes {
    let memory: UnsafeMutableRawPointer
    let numbers: [Int]
    let isSigned: Bool

    init(_ numbers: [Int], isSigned: Bool) {
        self.numbers = numbers
        self.isSigned = isSigned
        memory = .allocate(byteCount: numbers.count + KernelLayout.slackBytes, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0xA5, count: numbers.count + KernelLayout.slackBytes)
        for (index, number) in numbers.enumerated() {
            memory.storeBytes(of: UInt8(truncatingIfNeeded: number), toByteOffset: index, as: UInt8.self)
        }
    }

    convenience init(count: Int, isSigned: Bool, using random: inout SeededGenerator) {
        let range = isSigned ? -128...127 : 0...255
        self.init((0..<count).map { _ in Int.random(in: range, using: &random) }, isSigned: isSigned)
    }

    deinit { memory.deallocate() }

    func input(zeroPoint: Int) -> ByteInput {
        ByteInput(bytes: UnsafeRawPointer(memory), isSigned: isSigned, zeroPoint: Int32(zeroPoint))
    }

    /// What is stored now.
    var stored: [Int] {
        numbers.indices.map {
            isSigned
                ? Int(memory.load(fromByteOffset: $0, as: Int8.self))
                : Int(memory.load(fromByteOffset: $0, as: UInt8.self))
        }
    }
}

/// What a result of an integer kernel should be.
private func requantized(_ value: Float, _ range: Requantization) -> Int {
    let steps = Int(max(-1e6, min(1e6, value.rounded(.toNearestOrEven))))
    return max(Int(range.low), min(Int(range.high), steps + Int(range.zeroPoint)))
}

extension Requantization {
    fileprivate static func random(isSigned: Bool, using random: inout SeededGenerator) -> Requantization {
        let range: ClosedRange<Int32> = isSigned ? -128...127 : 0...255
        let zeroPoint = Int32.random(in: range, using: &random)
        return Requantization(
            zeroPoint: zeroPoint, low: Bool.random(using: &random) ? zeroPoint : range.lowerBound,
            high: Int32.random(in: zeroPoint...range.upperBound, using: &random))
    }
}

/// A convolution of bytes with random weights, packed as the kernels read them.
private struct ConvolutionCase {
    let window: SlidingWindow
    let groups: Int
    let filters: Int
    let input: Bytes
    let zeroPoint: Int
    /// `[filters][taps][channels of the group]`
    let weights: [[[Int]]]
    let bias: [Int32]
    let multipliers: [Float]
    let range: Requantization
    let isDepthwise: Bool
    let resultIsSigned: Bool

    init(_ window: SlidingWindow, groups: Int, filters: Int, isDepthwise: Bool, using random: inout SeededGenerator) {
        self.window = window
        self.groups = groups
        self.filters = filters
        self.isDepthwise = isDepthwise
        let isSigned = Bool.random(using: &random)
        input = Bytes(count: window.inputCount, isSigned: isSigned, using: &random)
        zeroPoint = Int.random(in: isSigned ? -128...127 : 0...255, using: &random)
        var filled: [[[Int]]] = []
        for _ in 0..<filters {
            filled.append(
                (0..<window.taps).map { _ in
                    (0..<window.channels / groups).map { _ in Int.random(in: -128...127, using: &random) }
                })
        }
        weights = filled
        bias = (0..<filters).map { _ in Int32.random(in: -9000...9000, using: &random) }
        multipliers = (0..<filters).map { _ in Float.random(in: 0.0005...0.01, using: &random) }
        resultIsSigned = Bool.random(using: &random)
        range = .random(isSigned: resultIsSigned, using: &random)
    }

    private var merges: Bool { groups == 1 && (window.dilationWidth == 1 || window.kernelWidth == 1) }

    /// Rows of weights in the order of the kernels; nil is a row of zeros.
    private func rows(_ filter: Int) -> [Int] {
        func even(_ run: [Int]) -> [Int] { run.count % 2 == 0 ? run : run + [0] }
        let taps = weights[filter]
        let lines = (0..<window.kernelHeight).map {
            Array(taps[$0 * window.kernelWidth..<($0 + 1) * window.kernelWidth])
        }
        return merges || isDepthwise
            ? lines.flatMap { even($0.flatMap { $0 }) } : taps.flatMap { even($0) }
    }

    private var packedWeights: [Int] {
        var packed: [Int] = []
        let perGroup = isDepthwise ? filters : filters / groups
        for group in 0..<filters / perGroup {
            let columns = (0..<perGroup).map { rows(group * perGroup + $0) }
            let count = columns[0].count
            var panels = [Int](repeating: 0, count: (perGroup + 15) / 16 * 16 * count)
            for (n, column) in columns.enumerated() {
                for (k, weight) in column.enumerated() {
                    panels[((n / 16) * count / 2 + k / 2) * 32 + n % 16 * 2 + k % 2] = weight
                }
            }
            packed += panels
        }
        return packed
    }

    /// Results of a kernel whose input is widened `bandRows` rows at a time.
    func run(_ kernel: (IntegerConvolutionArguments) -> Void, bandRows: Int) -> [Int] {
        let panels = Bytes(packedWeights, isSigned: true)
        let result = Bytes([Int](repeating: 0, count: window.outputCount(filters)), isSigned: resultIsSigned)
        let width = (window.outputWidth - 1) * window.strideWidth + (window.kernelWidth - 1) * window.dilationWidth + 1
        let height = (bandRows - 1) * window.strideHeight + (window.kernelHeight - 1) * window.dilationHeight + 1
        let scratch = UnsafeMutablePointer<Int16>.allocate(capacity: 2 * width * height * window.channels + 64)
        defer { scratch.deallocate() }
        bias.withUnsafeBufferPointer { bias in
            multipliers.withUnsafeBufferPointer { multipliers in
                kernel(
                    IntegerConvolutionArguments(
                        window: window, groups: groups, filters: filters, input: input.input(zeroPoint: zeroPoint),
                        panels: UnsafeRawPointer(panels.memory).assumingMemoryBound(to: Int8.self),
                        bias: bias.baseAddress!, multipliers: multipliers.baseAddress!, result: result.memory,
                        scratch: scratch, bandRows: bandRows, requantization: range))
            }
        }
        return result.stored
    }

    /// As the formula is written. Padding holds the zero point; the bias does not know about it.
    var expected: [Int] {
        let perGroup = (channels: window.channels / groups, filters: filters / groups)
        return WindowReference(window: window).map(channels: filters) { batch, row, column, filter in
            var sum = Int(bias[filter])
            let group = filter / perGroup.filters
            var outside = Set(0..<window.taps)
            WindowReference(window: window).forEachTap(batch, row, column) { tap, pixel in
                outside.remove(tap)
                for channel in 0..<perGroup.channels {
                    sum += input.numbers[pixel + group * perGroup.channels + channel] * weights[filter][tap][channel]
                }
            }
            for tap in outside { sum += weights[filter][tap].reduce(0) { $0 + $1 * zeroPoint } }
            return Double(requantized(Float(sum) * multipliers[filter], range))
        }.map { Int($0) }
    }
}

@Suite("Kernels on bytes on every instruction set")
struct IntegerTests {
    @Test("a convolution of bytes is the sum over its taps", arguments: KernelModule.available, [1, 2, 3])
    func convolution(module: KernelModule, groups: Int) {
        var random = SeededGenerator(seed: 70 + UInt64(groups))
        for _ in 0..<30 {
            var window = SlidingWindow.random(
                channels: groups * Int.random(in: 1...19, using: &random), using: &random)
            if Bool.random(using: &random), window.inputHeight > 1 { window = window.pointwise }
            let filters = groups * Int.random(in: 1...37, using: &random)
            let sample = ConvolutionCase(window, groups: groups, filters: filters, isDepthwise: false, using: &random)
            let rows = window.isPointwise ? window.inputCount / window.channels : window.outputHeight
            let band = Int.random(in: 1...rows, using: &random)
            #expect(sample.run(module.table.integer.convolution, bandRows: band) == sample.expected, "\(window)")
        }
    }

    @Test("a dense layer of one row reads every weight once", arguments: KernelModule.available)
    func dense(module: KernelModule) {
        var random = SeededGenerator(seed: 80)
        for columns in [1, 7, 8, 9, 16, 17, 32, 33, 48, 64, 65, 100] {
            var window = SlidingWindow()
            window.channels = Int.random(in: 1...150, using: &random)
            let sample = ConvolutionCase(window, groups: 1, filters: columns, isDepthwise: false, using: &random)
            #expect(sample.run(module.table.integer.convolution, bandRows: 1) == sample.expected, "\(columns) columns")
        }
    }

    @Test("a depthwise convolution of bytes keeps channels apart", arguments: KernelModule.available)
    func depthwise(module: KernelModule) {
        var random = SeededGenerator(seed: 90)
        for channels in [1, 3, 4, 7, 8, 9, 15, 16, 17, 24, 33, 40, 64] {
            let window = SlidingWindow.random(channels: channels, using: &random)
            let sample = ConvolutionCase(
                window, groups: channels, filters: channels, isDepthwise: true, using: &random)
            let band = Int.random(in: 1...window.outputHeight, using: &random)
            #expect(sample.run(module.table.integer.depthwise, bandRows: band) == sample.expected, "\(window)")
        }
    }

    @Test("averages and maxima of bytes leave padding out", arguments: KernelModule.available, [true, false])
    func pools(module: KernelModule, isSigned: Bool) {
        var random = SeededGenerator(seed: 100)
        for _ in 0..<30 {
            let window = SlidingWindow.random(
                channels: Int.random(in: 1...35, using: &random), roundsUp: true, using: &random)
            let input = Bytes(count: window.inputCount, isSigned: isSigned, using: &random)
            let zeroPoint = Int.random(in: isSigned ? -128...127 : 0...255, using: &random)
            let range = Requantization.random(isSigned: isSigned, using: &random)
            let scale = Float.random(in: 0.01...0.1, using: &random)
            let resultScale = Float.random(in: 0.01...0.1, using: &random)
            for kind in [PoolKind.maximum, .average] {
                let result = Bytes([Int](repeating: 0, count: window.outputCount(window.channels)), isSigned: isSigned)
                module.table.integer.pool(
                    IntegerPoolArguments(
                        window: window, kind: kind, input: input.input(zeroPoint: zeroPoint), result: result.memory,
                        scale: scale, resultScale: resultScale, requantization: range))
                let reference = WindowReference(window: window)
                let expected = reference.map(channels: window.channels) { batch, row, column, channel in
                    var values: [Int] = []
                    reference.forEachTap(batch, row, column) { values.append(input.numbers[$1 + channel]) }
                    if kind == .maximum { return Double(values.max() ?? (isSigned ? -128 : 0)) }
                    let sum = values.reduce(Float(0)) { $0 + Float($1 - zeroPoint) * scale }
                    return Double(requantized(sum / Float(max(1, values.count)) / resultScale, range))
                }
                #expect(result.stored == expected.map { Int($0) }, "\(kind) \(window)")
            }
        }
    }

    @Test("arithmetic on bytes rounds once, in ONNX's order", arguments: KernelModule.available)
    func binary(module: KernelModule) {
        var random = SeededGenerator(seed: 110)
        for function in IntegerPairFunction.allCases {
            for count in [1, 5, 8, 16, 31, 100] {
                let isSigned = Bool.random(using: &random)
                let first = Bytes(count: count, isSigned: isSigned, using: &random)
                let second = Bytes(count: count, isSigned: Bool.random(using: &random), using: &random)
                let result = Bytes([Int](repeating: 0, count: count), isSigned: isSigned)
                let range = Requantization.random(isSigned: isSigned, using: &random)
                let scales = random.floats(3, in: 0.01...0.2)
                var loops = LoopNest()
                loops.append(size: count, first: 1, second: 1)
                module.table.integer.binary(
                    IntegerBinaryArguments(
                        function: function, loops: loops, first: first.input(zeroPoint: 3),
                        second: second.input(zeroPoint: 7), firstScale: scales[0], secondScale: scales[1],
                        resultScale: scales[2], result: result.memory, requantization: range))
                let expected = zip(first.numbers, second.numbers).map { pair -> Int in
                    let (a, b) = (Float(pair.0 - 3) * scales[0], Float(pair.1 - 7) * scales[1])
                    let value =
                        switch function {
                        case .add: a + b
                        case .subtract: a - b
                        case .multiply: a * b
                        }
                    return requantized(value / scales[2], range)
                }
                #expect(result.stored == expected, "\(function) of \(count)")
            }
        }
    }

    @Test("floats become bytes and bytes floats, along an axis or all alike", arguments: KernelModule.available)
    func quantizing(module: KernelModule) {
        var random = SeededGenerator(seed: 120)
        for inner in [1, 3, 8, 17, 40] {
            let isSigned = Bool.random(using: &random)
            let floats = AlignedFloats(random.floats(6 * inner, in: -3...3))
            let scales = AlignedFloats(random.floats(3, in: 0.005...0.05))
            let zeroPoints: [Int32] = [0, isSigned ? -5 : 5, 100]
            let zeros = UnsafeMutablePointer<Int32>.allocate(capacity: 3)
            defer { zeros.deallocate() }
            zeros.initialize(from: zeroPoints, count: 3)
            let result = Bytes([Int](repeating: 0, count: 6 * inner), isSigned: isSigned)
            let restored = AlignedFloats(count: 6 * inner)
            func arguments(_ floats: AlignedFloats) -> QuantizeArguments {
                QuantizeArguments(
                    floats: floats.pointer, bytes: result.memory, isSigned: isSigned,
                    scales: UnsafePointer(scales.pointer), zeroPoints: UnsafePointer(zeros), outer: 2, channels: 3,
                    inner: inner)
            }
            module.table.integer.quantize(arguments(floats))
            let type: (Int32, Int32) = isSigned ? (-128, 127) : (0, 255)
            let expected = floats.values.enumerated().map { index, value in
                let channel = index / inner % 3
                return requantized(
                    value / scales.values[channel],
                    Requantization(zeroPoint: zeroPoints[channel], low: type.0, high: type.1))
            }
            #expect(result.stored == expected)
            module.table.integer.dequantize(arguments(restored))
            #expect(
                restored.values
                    == expected.enumerated().map { index, stored in
                        let channel = index / inner % 3
                        return Float(stored - Int(zeroPoints[channel])) * scales.values[channel]
                    })
        }
    }
}
