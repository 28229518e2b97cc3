import ModelImage

/// Puts weights into the rows and columns that the kernels multiply with; ``PanelLayout`` then cuts them into panels.
enum WeightPacking {
    /// A dense layer's weights [rows, columns] as they are.
    static func dense(_ weights: Constant, name: String) -> ImageDescription.Tensor? {
        guard let values = weights.floats else { return nil }
        return .panels(name, values, rows: weights.shape[0], columns: weights.shape[1])
    }

    /// Convolution weights [M, C / groups, kernel…] as one matrix per group: row `tap · C/groups + channel`, column the
    /// filter within its group.
    static func convolution(_ weights: Constant, groups: Int, name: String) -> ImageDescription.Tensor? {
        guard let values = weights.floats else { return nil }
        let filters = weights.shape[0] / groups
        let channels = weights.shape[1]
        let taps = weights.shape.dropFirst(2).reduce(1, *)
        let matrices = (0..<groups).map { group in
            var matrix = [Float](repeating: 0, count: taps * channels * filters)
            for filter in 0..<filters {
                for channel in 0..<channels {
                    let source = ((group * filters + filter) * channels + channel) * taps
                    for tap in 0..<taps {
                        matrix[(tap * channels + channel) * filters + filter] = values[source + tap]
                    }
                }
            }
            return matrix
        }
        return .panels(name, groups: matrices, rows: taps * channels, columns: filters)
    }

    /// Weights [C, 1, kernel…] of one filter per channel as a matrix with a row per tap and a column per channel.
    static func depthwise(_ weights: Constant, name: String) -> ImageDescription.Tensor? {
        guard let values = weights.floats else { return nil }
        let channels = weights.shape[0]
        let taps = weights.shape.dropFirst(2).reduce(1, *)
        var matrix = [Float](repeating: 0, count: taps * channels)
        for channel in 0..<channels {
            for tap in 0..<taps { matrix[tap * channels + channel] = values[channel * taps + tap] }
        }
        return .panels(name, matrix, rows: taps, columns: channels)
    }

    /// A constant that is read element by element.
    static func plain(_ constant: Constant, name: String) -> ImageDescription.Tensor {
        ImageDescription.Tensor(
            name: name, elementType: constant.elementType, kind: .constant, shape: constant.shape, data: constant.bytes)
    }
}
