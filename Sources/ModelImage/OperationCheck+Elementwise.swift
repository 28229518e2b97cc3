/// Elementwise operations, data movement and reductions.
extension OperationCheck {
    func checkUnary() throws(ImageError) {
        try requireCounts(inputs: 1...1)
        let source = try input(0)
        let result = try output()
        try require(source.elementCount == result.elementCount, .badShape, "unary keeps the number of elements")
    }

    func checkBinary() throws(ImageError) {
        try requireCounts(inputs: 2...2)
        let first = try input(0)
        let second = try input(1)
        let result = try output()
        try require(Shape.broadcast(first, second) == result, .badShape, "the inputs do not broadcast to the output")
    }

    func checkAffine(axis: Int) throws(ImageError) {
        try requireCounts(inputs: 3...3)
        let source = try input(0)
        let result = try output()
        try requireAxis(axis, of: source)
        try require(source == result, .badShape, "affine keeps the shape")
        try checkVector(1, count: source[axis])
        try checkVector(2, count: source[axis])
    }

    func checkSoftmax(axis: Int) throws(ImageError) {
        try requireCounts(inputs: 1...1)
        let source = try input(0)
        let result = try output()
        try requireAxis(axis, of: source)
        try require(source == result, .badShape, "softmax keeps the shape")
    }

    func checkReduce(axes: AxisValues) throws(ImageError) {
        try requireCounts(inputs: 1...1)
        let source = try input(0)
        let result = try output()
        var kept = source.elementCount
        var previous = -1
        for position in 0..<axes.count {
            let axis = axes[position]
            try require(
                axis > previous && axis < source.rank, .badAttribute, "axes must ascend and lie inside the shape")
            kept /= source[axis]
            previous = axis
        }
        try require(result.elementCount == kept, .badShape, "the output does not hold the remaining elements")
    }

    func checkArgMax(axis: Int) throws(ImageError) {
        try requireCounts(inputs: 1...1)
        let source = try input(0)
        let result = anyOutput()
        try require(result.elementType == .int64, .badOperand, "argMax writes int64")
        try requireAxis(axis, of: source)
        try require(
            result.shape.elementCount == source.elementCount / source[axis], .badShape,
            "the output does not hold the remaining elements")
    }

    // MARK: - Data movement

    /// Input `slot` and the output as dense tensors of one element type.
    private func movement(_ slot: Int) throws(ImageError) -> (source: Shape, result: Shape) {
        let source = try anyInput(slot)
        let result = anyOutput()
        try require(source.layout == .dense, .badOperand, "an input must be dense")
        try require(source.elementType == result.elementType, .badOperand, "input and output types differ")
        return (source.shape, result.shape)
    }

    func checkCopy() throws(ImageError) {
        try requireCounts(inputs: 1...1)
        let (source, result) = try movement(0)
        try require(source.elementCount == result.elementCount, .badShape, "copy keeps the number of elements")
    }

    func checkTranspose(_ permutation: AxisValues) throws(ImageError) {
        try requireCounts(inputs: 1...1)
        let (source, result) = try movement(0)
        try require(
            permutation.count == source.rank && result.rank == source.rank, .badAttribute,
            "the permutation's length is not the rank")
        var seen = 0
        for axis in 0..<source.rank {
            let from = permutation[axis]
            try require(
                from >= 0 && from < source.rank && seen & (1 << from) == 0, .badAttribute, "not a permutation")
            seen |= 1 << from
            try require(result[axis] == source[from], .badShape, "the output's shape is not the permuted one")
        }
    }

    func checkConcat(axis: Int) throws(ImageError) {
        try requireCounts(inputs: 1...ImageLimits.operands)
        var total = 0
        for slot in 0..<record.inputCount {
            let (source, result) = try movement(slot)
            try requireAxis(axis, of: result)
            try require(source.rank == result.rank, .badShape, "concat's inputs have the output's rank")
            for other in 0..<result.rank where other != axis {
                try require(source[other] == result[other], .badShape, "concat's inputs differ off the axis")
            }
            total += source[axis]
            try require(total <= result[axis], .badShape, "concat's inputs exceed the output")
        }
        try require(total == anyOutput().shape[axis], .badShape, "concat's inputs do not fill the output")
    }

    func checkSlice(starts: AxisValues, steps: AxisValues) throws(ImageError) {
        try requireCounts(inputs: 1...1)
        let (source, result) = try movement(0)
        try require(
            result.rank == source.rank && starts.count == source.rank && steps.count == source.rank, .badAttribute,
            "slice needs a start and a step per dimension")
        for axis in 0..<source.rank {
            let first = Int64(starts[axis])
            let last = first + Int64(result[axis] - 1) * Int64(steps[axis])
            let inside = 0..<Int64(source[axis])
            try require(
                steps[axis] != 0 && inside.contains(first) && inside.contains(last), .badShape,
                "the slice reaches outside its input")
        }
    }

    func checkPad(before: AxisValues, mode: PadMode) throws(ImageError) {
        try requireCounts(inputs: 1...1)
        let source = try input(0)
        let result = try output()
        try require(
            result.rank == source.rank && before.count == source.rank, .badAttribute, "pad needs a value per dimension")
        for axis in 0..<source.rank {
            let leading = before[axis]
            try require(leading >= 0 && leading <= result[axis], .badAttribute, "padding must not be negative")
            let trailing = result[axis] - source[axis] - leading
            try require(trailing >= 0, .badShape, "the padded input exceeds the output")
            try require(
                mode != .reflect || max(leading, trailing) < source[axis], .badShape,
                "reflection reaches past the opposite edge")
        }
    }
}
