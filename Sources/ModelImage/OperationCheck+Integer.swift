/// Operations on bytes.
extension OperationCheck {
    func checkInteger(_ operation: IntegerOperation) throws(ImageError) {
        switch operation {
        case .quantize(let axis): try checkQuantize(axis: axis, floats: try input(0), bytes: anyOutput())
        case .dequantize(let axis): try checkQuantize(axis: axis, floats: try output(), bytes: try bytes(0))
        case .gemm(let range): try checkGemm(range)
        case .convolution(let window, let groups, let zeroPoint, let range):
            try checkConvolution(window, groups: groups, zeroPoint, range)
        case .depthwise(let window, let zeroPoint, let range): try checkDepthwise(window, zeroPoint, range)
        case .binary(let arithmetic, let range): try checkBinary(arithmetic, range)
        case .averagePool(let window, let average, let range):
            try requireCounts(inputs: 1...1)
            let (image, result) = try images(window, roundsUp: true)
            try require(image[3] == result[3], .badShape, "a pool keeps its channels")
            try requireZeroPoint(average.zeroPoint, slot: 0)
            try requireRange(range)
        case .maxPool(let window):
            try requireCounts(inputs: 1...1)
            let (image, result) = try images(window, roundsUp: true)
            try require(image[3] == result[3], .badShape, "a pool keeps its channels")
            try require(
                try bytes(0).elementType == anyOutput().elementType, .badOperand, "a maximum keeps the element type")
        case .lookup: try checkLookup()
        }
    }

    // MARK: - Operands

    /// Input `slot` as a dense tensor of bytes.
    private func bytes(_ slot: Int) throws(ImageError) -> TensorRecord {
        let tensor = try anyInput(slot)
        try require(tensor.isBytes && tensor.layout == .dense, .badOperand, "an input must be dense int8 or uint8")
        return tensor
    }

    private func byteOutput() throws(ImageError) -> Shape {
        let tensor = anyOutput()
        try require(tensor.isBytes, .badOperand, "the output must be int8 or uint8")
        return tensor.shape
    }

    private func requireRange(_ range: ByteRange) throws(ImageError) {
        try require(
            range.fits(anyOutput().elementType), .badAttribute, "zero point or bounds are not of the output's type")
    }

    private func requireZeroPoint(_ zeroPoint: Int, slot: Int) throws(ImageError) {
        let range = ByteRange(zeroPoint: zeroPoint, low: zeroPoint, high: zeroPoint)
        try require(
            range.fits(try bytes(slot).elementType), .badAttribute, "an input's zero point is not of its type")
    }

    /// A dense vector of 32-bit numbers.
    private func requireVector(_ slot: Int, _ type: ElementType, count: Int) throws(ImageError) {
        let tensor = try anyInput(slot)
        try require(
            tensor.elementType == type && tensor.layout == .dense && tensor.shape.rank == 1
                && tensor.shape[0] == count, .badShape, "a bias, factor, scale or zero point does not fit")
    }

    /// int8 weights `[matrices, rows, columns]` in pairs of rows with biases and factors for all columns.
    private func requireWeights(matrices: Int, rows: Int, columns: Int) throws(ImageError) {
        try requireCounts(inputs: 4...4)
        let weights = try anyInput(1)
        try require(
            weights.elementType == .int8 && weights.layout == .pairs && weights.shape.rank == 3, .badOperand,
            "weights must be int8 in pairs")
        try require(
            weights.shape[0] == matrices && weights.shape[1] == rows && weights.shape[2] == columns, .badShape,
            "integer weights do not fit window, groups and channels")
        // 65,536 products of at most 255 · 128 fit 32 bits.
        try require(rows <= 1 << 16, .limitExceeded, "integer sums of more than 65,536 products may overflow")
        try requireVector(2, .int32, count: matrices * columns)
        try requireVector(3, .float32, count: matrices * columns)
    }

    private func images(_ window: Window, roundsUp: Bool) throws(ImageError) -> (image: Shape, result: Shape) {
        let image = try bytes(0).shape
        let result = try byteOutput()
        try checkWindow(window, image, result, roundsUp: roundsUp)
        return (image, result)
    }

    // MARK: - Operations

    private func checkQuantize(axis: Int, floats: Shape, bytes: TensorRecord) throws(ImageError) {
        try requireCounts(inputs: 3...3)
        try require(bytes.isBytes && bytes.layout == .dense, .badOperand, "quantized elements are int8 or uint8")
        try require(floats == bytes.shape, .badShape, "quantizing keeps the shape")
        let scales = try anyInput(1).shape
        try require(scales.rank == 1, .badShape, "scales are a vector")
        if scales[0] != 1 {
            try requireAxis(axis, of: floats)
            try require(scales[0] == floats[axis], .badShape, "there is one scale, or one for each index of the axis")
        }
        try requireVector(1, .float32, count: scales[0])
        try requireVector(2, .int32, count: scales[0])
    }

    private func checkGemm(_ range: ByteRange) throws(ImageError) {
        let left = try bytes(0).shape
        let result = try byteOutput()
        try require(left.rank >= 1 && result.rank >= 1, .badShape, "gemm needs at least one dimension")
        let inner = left[left.rank - 1]
        let columns = result[result.rank - 1]
        try require(
            left.elementCount / inner == result.elementCount / columns, .badShape, "gemm's row counts differ")
        try requireWeights(matrices: 1, rows: PairLayout.even(inner), columns: columns)
        try requireRange(range)
    }

    private func checkConvolution(
        _ window: Window, groups: Int, _ zeroPoint: Int, _ range: ByteRange
    ) throws(ImageError) {
        let (image, result) = try images(window, roundsUp: false)
        try require(
            image[3] % groups == 0 && result[3] % groups == 0, .badShape, "channels are not divisible by the groups")
        try require(
            Int64(window.taps) * Int64(image[3] / groups + 1) <= 1 << 17, .limitExceeded,
            "integer sums of more than 65,536 products may overflow")
        try requireWeights(
            matrices: groups, rows: IntegerOperation.weightRows(window, groups: groups, channels: image[3]),
            columns: result[3] / groups)
        try requireZeroPoint(zeroPoint, slot: 0)
        try requireRange(range)
    }

    private func checkDepthwise(_ window: Window, _ zeroPoint: Int, _ range: ByteRange) throws(ImageError) {
        let (image, result) = try images(window, roundsUp: false)
        try require(image[3] == result[3], .badShape, "a depthwise convolution keeps its channels")
        try requireWeights(matrices: 1, rows: IntegerOperation.depthwiseRows(window), columns: image[3])
        try requireZeroPoint(zeroPoint, slot: 0)
        try requireRange(range)
    }

    private func checkBinary(_ arithmetic: ByteArithmetic, _ range: ByteRange) throws(ImageError) {
        let function = arithmetic.function
        try requireCounts(inputs: 2...2)
        try require(
            function == .add || function == .subtract || function == .multiply, .badAttribute,
            "bytes are added, subtracted or multiplied")
        let shape = Shape.broadcast(try bytes(0).shape, try bytes(1).shape)
        try require(shape == (try byteOutput()), .badShape, "the inputs do not broadcast to the output")
        try requireZeroPoint(arithmetic.firstZeroPoint, slot: 0)
        try requireZeroPoint(arithmetic.secondZeroPoint, slot: 1)
        try requireRange(range)
    }

    private func checkLookup() throws(ImageError) {
        try requireCounts(inputs: 2...2)
        let source = try bytes(0).shape
        let result = try byteOutput()
        try require(source.elementCount == result.elementCount, .badShape, "lookup keeps the number of elements")
        let table = try bytes(1)
        try require(
            table.shape.elementCount == 256 && table.elementType == anyOutput().elementType, .badShape,
            "a table has 256 entries of the output's type")
    }
}

extension TensorRecord {
    /// int8 or uint8.
    var isBytes: Bool { elementType == .int8 || elementType == .uint8 }
}
