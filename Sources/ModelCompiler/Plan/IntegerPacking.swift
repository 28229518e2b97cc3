import ModelImage

/// Puts int8 weights into the rows and columns that the integer kernels multiply with; ``PairLayout`` then cuts them
/// into panels of pairs.
extension WeightPacking {
    /// A dense layer's weights [rows, columns]; an odd last row is followed by zeros.
    static func integerDense(_ weights: Constant, name: String) -> ImageDescription.Tensor? {
        guard let values = weights.integers else { return nil }
        let (rows, columns) = (weights.shape[0], weights.shape[1])
        return pairs(name, matrices: 1, rows: PairLayout.even(rows), columns: columns) { _, row, column in
            row < rows ? values[row * columns + column] : 0
        }
    }

    /// Convolution weights [M, C / groups, kernel…]: see ``IntegerOperation/weightRows(_:groups:channels:)``.
    static func integerConvolution(
        _ weights: Constant, _ window: Window, groups: Int, name: String
    ) -> ImageDescription.Tensor? {
        guard let values = weights.integers else { return nil }
        let filters = weights.shape[0] / groups
        let channels = weights.shape[1]
        let rows = IntegerOperation.weightRows(window, groups: groups, channels: channels * groups)
        // Taps of one run of weights: a kernel row, or each alone.
        let taps = groups == 1 && (window.dilationWidth == 1 || window.kernelWidth == 1) ? window.kernelWidth : 1
        let run = PairLayout.even(taps * channels)
        return pairs(name, matrices: groups, rows: rows, columns: filters) { group, row, filter in
            let place = row % run
            guard place < taps * channels else { return 0 }
            let tap = row / run * taps + place / channels
            return values[((group * filters + filter) * channels + place % channels) * window.taps + tap]
        }
    }

    /// Weights [C, 1, kernel…] of one filter per channel: a row per tap, kernel rows filled up to whole pairs.
    static func integerDepthwise(_ weights: Constant, _ window: Window, name: String) -> ImageDescription.Tensor? {
        guard let values = weights.integers else { return nil }
        let channels = weights.shape[0]
        let run = PairLayout.even(window.kernelWidth)
        return pairs(name, matrices: 1, rows: window.kernelHeight * run, columns: channels) { _, row, channel in
            guard row % run < window.kernelWidth else { return 0 }
            return values[channel * window.taps + row / run * window.kernelWidth + row % run]
        }
    }

    private static func pairs(
        _ name: String, matrices: Int, rows: Int, columns: Int, _ element: (Int, Int, Int) -> Int64
    ) -> ImageDescription.Tensor {
        var data: [UInt8] = []
        for matrix in 0..<matrices {
            let packed = PairLayout.pack(rows: rows, columns: columns) { row, column in
                Int8(truncatingIfNeeded: element(matrix, row, column))
            }
            data += packed.map { UInt8(bitPattern: $0) }
        }
        return ImageDescription.Tensor(
            name: name, elementType: .int8, kind: .constant, layout: .pairs, shape: [matrices, rows, columns],
            data: data)
    }
}
