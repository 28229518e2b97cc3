/// Dense layers, matrix products, convolutions and pools.
extension OperationCheck {
    func checkGemm() throws(ImageError) {
        try requireCounts(inputs: 2...4)
        let left = try input(0)
        let right = try weights(1, rank: 2)
        let result = try output()
        try require(left.rank >= 1 && result.rank >= 1, .badShape, "gemm needs at least one dimension")
        let columns = result[result.rank - 1]
        try require(
            left[left.rank - 1] == right[0] && columns == right[1], .badShape, "gemm's inner dimensions do not match")
        try require(
            left.elementCount / right[0] == result.elementCount / columns, .badShape, "gemm's row counts differ")
        try checkOptionalVector(2, count: columns)
        try checkAddend(result)
    }

    func checkMatMul(transposedRight: Bool) throws(ImageError) {
        try requireCounts(inputs: 2...2)
        let left = try input(0)
        let right = try input(1)
        let result = try output()
        try require(left.rank >= 2 && right.rank >= 2, .badShape, "matMul needs two dimensions or more")
        let inner = right[right.rank - (transposedRight ? 1 : 2)]
        let columns = right[right.rank - (transposedRight ? 2 : 1)]
        try require(left[left.rank - 1] == inner, .badShape, "matMul's inner dimensions do not match")
        try require(
            result.rank == max(left.rank, right.rank) && result[result.rank - 2] == left[left.rank - 2]
                && result[result.rank - 1] == columns,
            .badShape, "matMul's output has the wrong shape")
        let batch = Shape.broadcast(left.droppingMatrix, right.droppingMatrix)
        try require(batch == result.droppingMatrix, .badShape, "matMul's batch dimensions do not broadcast")
    }

    func checkConvolution(_ window: Window, groups: Int) throws(ImageError) {
        try requireCounts(inputs: 2...4)
        let image = try input(0)
        let result = try output()
        let kernel = try weights(1, rank: 3)
        try checkWindow(window, image, result, roundsUp: false)
        let channels = image[3]
        let filters = result[3]
        try require(
            channels % groups == 0 && filters % groups == 0, .badShape, "channels are not divisible by the groups")
        try require(
            kernel[0] == groups && Int64(kernel[1]) == Int64(window.taps) * Int64(channels / groups)
                && kernel[2] == filters / groups,
            .badShape, "the convolution's weights do not fit window, groups and channels")
        try checkOptionalVector(2, count: filters)
        try checkAddend(result)
    }

    /// Checks input 3, unless it is absent: a tensor that is added to the result has its elements.
    private func checkAddend(_ result: Shape) throws(ImageError) {
        guard reader.input(3, of: record) != nil else { return }
        try require(try input(3) == result, .badShape, "what is added to the result has another shape")
    }

    func checkDepthwise(_ window: Window) throws(ImageError) {
        try requireCounts(inputs: 2...3)
        let image = try input(0)
        let result = try output()
        let kernel = try weights(1, rank: 2)
        try checkWindow(window, image, result, roundsUp: false)
        try require(
            image[3] == result[3] && kernel[0] == window.taps && kernel[1] == image[3], .badShape,
            "depthwise weights do not fit window and channels")
        try checkOptionalVector(2, count: image[3])
    }

    func checkPool(_ window: Window) throws(ImageError) {
        try requireCounts(inputs: 1...1)
        let image = try input(0)
        let result = try output()
        try checkWindow(window, image, result, roundsUp: true)
        try require(image[3] == result[3], .badShape, "a pool keeps its channels")
    }

    /// Checks batch and spatial sizes; `roundsUp` also allows a pool's last, partial window (ONNX's `ceil_mode`).
    func checkWindow(_ window: Window, _ image: Shape, _ result: Shape, roundsUp: Bool) throws(ImageError) {
        try require(image.rank == 4 && result.rank == 4, .badShape, "windows need [batch, height, width, channels]")
        try require(image[0] == result[0], .badShape, "input and output have different batch sizes")
        let height = (window.kernelHeight - 1) * window.dilationHeight + 1
        let width = (window.kernelWidth - 1) * window.dilationWidth + 1
        let rows = image[1] + window.padTop + window.padBottom - height
        let columns = image[2] + window.padLeft + window.padRight - width
        let fits =
            Self.extent(rows, window.strideHeight, result[1], roundsUp)
            && Self.extent(columns, window.strideWidth, result[2], roundsUp)
        try require(fits, .badShape, "the output's height or width does not follow from the window")
    }

    private static func extent(_ room: Int, _ stride: Int, _ size: Int, _ roundsUp: Bool) -> Bool {
        guard room >= 0 else { return roundsUp && size == 1 && room + stride > 0 }
        return size == room / stride + 1 || (roundsUp && size == (room + stride - 1) / stride + 1)
    }
}

extension Shape {
    /// All dimensions but the last two; of a rank of 2 or more.
    var droppingMatrix: Shape {
        Shape(rank: rank - 2, storage: storage) ?? self
    }
}
