import ModelImage
import OperatorInterface
import TensorKernels

/// Products of bytes (int8, uint8) less their zero points, whose int32 sums are the result; sums wrap.
enum IntegerProductOperators {
    static var all: [PortableOperator] {
        [PortableOperator(.integerMatMul, matMul), PortableOperator(.integerSums, convolution)]
    }

    /// `a[…, M, K], b[…, K, N], zero points int32[1 or M], int32[1 or N] → y[…, M, N] int32`; batches broadcast.
    @Sendable static func matMul(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 4...4)
        let (a, b, y) = (try context.input(0), try context.input(1), try context.output(0, .int32))
        let rank = y.shape.rank
        try context.require(
            a.shape.rank >= 2 && b.shape.rank >= 2 && a.shape.rank <= rank && b.shape.rank <= rank,
            "matrices and their product have at least two dimensions")
        let (rows, inner) = (a.shape[a.shape.rank - 2], a.shape[a.shape.rank - 1])
        let columns = b.shape[b.shape.rank - 1]
        try context.require(
            b.shape[b.shape.rank - 2] == inner && y.shape[rank - 2] == rows && y.shape[rank - 1] == columns,
            "the matrices do not fit")
        var batches = LoopNest()
        for axis in 0..<rank - 2 {
            let first = try batchStep(a, axis, of: y, context)
            batches.append(size: y.shape[axis], first: first, second: try batchStep(b, axis, of: y, context))
        }
        return try context.acceptBytes(
            a, b,
            MatrixProduct(
                rows: rows, inner: inner, columns: columns, batches: batches, leftZeros: try zeros(context, 2, rows),
                rightZeros: try zeros(context, 3, columns), result: y.elements(Int32.self)))
    }

    /// Elements of `operand` per index of a batch axis of the result; 0 where it broadcasts.
    private static func batchStep(
        _ operand: TensorView, _ axis: Int, of y: TensorView, _ context: OperatorContext
    ) throws(ImageError) -> Int {
        let own = axis - (y.shape.rank - operand.shape.rank)
        guard own >= 0, operand.shape[own] != 1 else { return 0 }
        try context.require(operand.shape[own] == y.shape[axis], "the batches do not broadcast")
        return operand.shape.product(own + 1..<operand.shape.rank)
    }

    /// `x[B, C, H, W], weights[M, C / groups, KH, KW], zero points int32[1], int32[1 or M] → y[B, M, OH, OW] int32`;
    /// words: groups, strides, dilations, padding above and to the left. Padding adds nothing.
    @Sendable static func convolution(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 4...4)
        let (x, weights, y) = (try context.input(0), try context.input(1), try context.output(0, .int32))
        try context.require(x.shape.rank == 4 && weights.shape.rank == 4 && y.shape.rank == 4, "images have four axes")
        let filters = weights.shape[0]
        let groups = try context.word(0, in: 1...max(1, filters))
        try context.require(
            filters % groups == 0 && weights.shape[1] * groups == x.shape[1] && y.shape[0] == x.shape[0]
                && y.shape[1] == filters, "the weights do not fit the channels")
        let steps = 1...ImageLimits.window
        let product = WindowProduct(
            groups: groups, stride: (try context.word(1, in: steps), try context.word(2, in: steps)),
            dilation: (try context.word(3, in: steps), try context.word(4, in: steps)),
            pad: (try context.word(5, in: 0...ImageLimits.window), try context.word(6, in: 0...ImageLimits.window)),
            input: x.shape, weights: weights.shape, output: y.shape, inputZero: try zeros(context, 2, 1),
            weightZeros: try zeros(context, 3, filters), result: y.elements(Int32.self))
        return try context.acceptBytes(x, weights, product)
    }

    /// A zero point for all, or one for each of `count`.
    private static func zeros(
        _ context: OperatorContext, _ slot: Int, _ count: Int
    ) throws(ImageError) -> ZeroPoints {
        let view = try context.input(slot, .int32)
        try context.require(view.count == 1 || view.count == count, "zero points are single or one for each row")
        return ZeroPoints(values: UnsafePointer(view.elements(Int32.self)), step: view.count == 1 ? 0 : 1)
    }
}

/// Zero points, `step` 0 if one holds for all.
private struct ZeroPoints {
    let values: UnsafePointer<Int32>
    let step: Int

    subscript(_ index: Int) -> Int32 { values[index * step] }
}

/// Work on two tensors of bytes.
private protocol BytePairVisitor {
    func visit<A: FixedWidthInteger, B: FixedWidthInteger>(
        _ a: UnsafePointer<A>, _ b: UnsafePointer<B>
    ) -> PreparedOperator
}

extension OperatorContext {
    /// Specialises a visitor for the two tensors' types.
    fileprivate func acceptBytes<Visitor: BytePairVisitor>(
        _ a: TensorView, _ b: TensorView, _ visitor: Visitor
    ) throws(ImageError) -> PreparedOperator {
        switch (a.elementType, b.elementType) {
        case (.int8, .int8): return visitor.visit(a.elements(Int8.self), b.elements(Int8.self))
        case (.int8, .uint8): return visitor.visit(a.elements(Int8.self), b.elements(UInt8.self))
        case (.uint8, .int8): return visitor.visit(a.elements(UInt8.self), b.elements(Int8.self))
        case (.uint8, .uint8): return visitor.visit(a.elements(UInt8.self), b.elements(UInt8.self))
        default: throw ImageError(.badOperand, .operation(index), "the operands must be int8 or uint8")
        }
    }
}

private struct MatrixProduct: BytePairVisitor {
    let rows: Int
    let inner: Int
    let columns: Int
    let batches: LoopNest
    let leftZeros: ZeroPoints
    let rightZeros: ZeroPoints
    let result: UnsafeMutablePointer<Int32>

    func visit<A: FixedWidthInteger, B: FixedWidthInteger>(
        _ a: UnsafePointer<A>, _ b: UnsafePointer<B>
    ) -> PreparedOperator {
        {
            var place = LoopPosition()
            var target = result
            for _ in 0..<batches.count {
                for row in 0..<rows {
                    self.row(a + place.first + row * inner, zero: leftZeros[row], b + place.second, to: target)
                    target += columns
                }
                place.advance(in: batches)
            }
        }
    }

    private func row<A: FixedWidthInteger, B: FixedWidthInteger>(
        _ left: UnsafePointer<A>, zero: Int32, _ right: UnsafePointer<B>, to target: UnsafeMutablePointer<Int32>
    ) {
        for column in 0..<columns { target[column] = 0 }
        for index in 0..<inner {
            let factor = Int32(left[index]) &- zero
            let line = right + index * columns
            for column in 0..<columns {
                target[column] &+= factor &* (Int32(line[column]) &- rightZeros[column])
            }
        }
    }
}

private struct WindowProduct: BytePairVisitor {
    let groups: Int
    let stride: (Int, Int)
    let dilation: (Int, Int)
    let pad: (Int, Int)
    let input: Shape
    let weights: Shape
    let output: Shape
    let inputZero: ZeroPoints
    let weightZeros: ZeroPoints
    let result: UnsafeMutablePointer<Int32>

    func visit<A: FixedWidthInteger, B: FixedWidthInteger>(
        _ x: UnsafePointer<A>, _ filters: UnsafePointer<B>
    ) -> PreparedOperator {
        {
            let area = output[2] * output[3]
            let plane = input[2] * input[3]
            let taps = weights[2] * weights[3]
            let perGroup = output[1] / groups
            for image in 0..<output[0] {
                for filter in 0..<output[1] {
                    let target = result + (image * output[1] + filter) * area
                    for index in 0..<area { target[index] = 0 }
                    for channel in 0..<weights[1] {
                        let source = image * input[1] + filter / perGroup * weights[1] + channel
                        add(
                            x + source * plane, filters + (filter * weights[1] + channel) * taps,
                            zero: weightZeros[filter], to: target)
                    }
                }
            }
        }
    }

    /// Adds what one channel of the input gives to the results of one filter.
    private func add<A: FixedWidthInteger, B: FixedWidthInteger>(
        _ plane: UnsafePointer<A>, _ filter: UnsafePointer<B>, zero: Int32, to target: UnsafeMutablePointer<Int32>
    ) {
        let inputZero = inputZero[0]
        for tapRow in 0..<weights[2] {
            for tapColumn in 0..<weights[3] {
                let weight = Int32(filter[tapRow * weights[3] + tapColumn]) &- zero
                for row in 0..<output[2] {
                    let y = row * stride.0 + tapRow * dilation.0 - pad.0
                    guard y >= 0, y < input[2] else { continue }
                    for column in 0..<output[3] {
                        let x = column * stride.1 + tapColumn * dilation.1 - pad.1
                        guard x >= 0, x < input[3] else { continue }
                        target[row * output[3] + column] &+= weight &* (Int32(plane[y * input[3] + x]) &- inputZero)
                    }
                }
            }
        }
    }
}
