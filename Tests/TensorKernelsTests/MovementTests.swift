import TensorKernels
import Testing

@Suite("Data movement")
struct MovementTests {
    @Test("neighbouring loops merge into one")
    func merging() {
        var nest = LoopNest()
        for (size, step) in [(2, 12), (3, 4), (1, 99), (4, 1)] { nest.append(size: size, first: step) }
        #expect(nest.depth == 1 && nest.count == 24)
        var transposed = LoopNest()
        for (size, step) in [(4, 1), (3, 4)] { transposed.append(size: size, first: step) }
        #expect(transposed.depth == 2)
    }

    @Test("a transposition moves elements of every size", arguments: [1, 2, 4, 8])
    func transposition(elementSize: Int) {
        let bytes = (0..<(24 * elementSize)).map { UInt8($0) }
        var nest = LoopNest()
        for (size, step) in [(4, 1), (2, 12), (3, 4)] { nest.append(size: size, first: step) }
        var result = [UInt8](repeating: 0, count: bytes.count)
        bytes.withUnsafeBytes { source in
            result.withUnsafeMutableBytes { target in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                Movement.gather(nest, from: from, to: to, elementSize: elementSize)
            }
        }
        var expected: [UInt8] = []
        for c in 0..<4 {
            for a in 0..<2 {
                for b in 0..<3 {
                    let element = a * 12 + b * 4 + c
                    expected += bytes[element * elementSize..<(element + 1) * elementSize]
                }
            }
        }
        #expect(result == expected)
    }

    @Test("planes of any size are transposed", arguments: [1, 3, 4, 7, 8, 13, 66, 130], [1, 2, 4, 5, 8, 11, 23])
    func planes(rows: Int, columns: Int) {
        let source = AlignedFloats((0..<2 * rows * columns).map { Float($0) })
        let target = AlignedFloats(count: 2 * rows * columns)
        var nest = LoopNest()
        for (size, step) in [(2, rows * columns), (rows, 1), (columns, rows)] { nest.append(size: size, first: step) }
        Movement.gather(nest, from: source.pointer, to: target.pointer, elementSize: 4)
        let expected = (0..<2 * rows * columns).map { index in
            let (plane, place) = index.quotientAndRemainder(dividingBy: rows * columns)
            return Float(plane * rows * columns + place % columns * rows + place / columns)
        }
        #expect(target.values == expected)
        #expect(target.isSlackUntouched)
    }

    @Test("a negative step reads backwards")
    func reversal() {
        let source = AlignedFloats([0, 1, 2, 3, 4, 5])
        let target = AlignedFloats(count: 3)
        var nest = LoopNest()
        nest.append(size: 3, first: -2)
        Movement.gather(nest, from: source.pointer + 5, to: target.pointer, elementSize: 4)
        #expect(target.values == [5, 3, 1])
    }

    @Test(
        "padding repeats, mirrors or fills",
        arguments: [
            (PaddingMode.constant, [9, 9, 9, 9, 9, 9, 9, 1, 2, 3, 9, 9, 9, 4, 5, 6, 9, 9] as [Float]),
            (.edge, [1, 1, 1, 2, 3, 3, 1, 1, 1, 2, 3, 3, 4, 4, 4, 5, 6, 6]),
            (.reflect, [6, 5, 4, 5, 6, 5, 3, 2, 1, 2, 3, 2, 6, 5, 4, 5, 6, 5]),
        ])
    func padding(mode: PaddingMode, expected: [Float]) {
        let source = AlignedFloats([1, 2, 3, 4, 5, 6])
        let target = AlignedFloats(count: 18)
        var axes = InlineArray<8, PaddedAxis>(repeating: PaddedAxis(size: 1, paddedSize: 1, before: 0))
        axes[0] = PaddedAxis(size: 2, paddedSize: 3, before: 1)
        axes[1] = PaddedAxis(size: 3, paddedSize: 6, before: 2)
        var arguments = PadArguments(
            mode: mode, constant: 9, rank: 2, axes: axes, input: source.pointer, result: target.pointer)
        if mode == .constant { arguments.axes[1].before = 1 }
        Movement.pad(arguments)
        #expect(target.values == expected)
    }

    @Test("the first or the last of equal elements is chosen")
    func argMax() {
        let source = AlignedFloats([1, 7, 7, .nan, 3, 2, 5, 2])
        var result = [Int64](repeating: -1, count: 2)
        result.withUnsafeMutableBufferPointer { target in
            guard let base = target.baseAddress else { return }
            Movement.argMax(source.pointer, to: base, outer: 2, size: 4, inner: 1, smallest: false, last: false)
        }
        #expect(result == [1, 2])
        result.withUnsafeMutableBufferPointer { target in
            guard let base = target.baseAddress else { return }
            Movement.argMax(source.pointer, to: base, outer: 2, size: 4, inner: 1, smallest: true, last: true)
        }
        #expect(result == [0, 3])
    }
}
