/// What a padded element is: `ModelImage.PadMode`.
public enum PaddingMode: Int32, Sendable, CaseIterable {
    case constant, reflect, edge
}

/// One dimension of a padding.
public struct PaddedAxis: Sendable {
    /// Elements in the input.
    public var size = 1
    /// Elements in the result, at least `size + before`.
    public var paddedSize = 1
    /// Elements added in front.
    public var before = 0

    /// A dimension of `size` elements that grows to `paddedSize`.
    public init(size: Int, paddedSize: Int, before: Int) {
        self.size = size
        self.paddedSize = paddedSize
        self.before = before
    }

    /// The input index that result index `index` shows; nil where a constant goes.
    func source(_ index: Int, _ mode: PaddingMode) -> Int? {
        let inner = index - before
        if inner >= 0, inner < size { return inner }
        switch mode {
        case .constant: return nil
        case .edge: return inner < 0 ? 0 : size - 1
        case .reflect: return inner < 0 ? -inner : 2 * (size - 1) - inner
        }
    }
}

/// Pads a tensor of up to eight dimensions.
public struct PadArguments {
    public var mode: PaddingMode
    public var constant: Float
    public var rank: Int
    public var axes: InlineArray<8, PaddedAxis>
    public var input: UnsafePointer<Float>
    public var result: UnsafeMutablePointer<Float>

    public init(
        mode: PaddingMode, constant: Float, rank: Int, axes: InlineArray<8, PaddedAxis>,
        input: UnsafePointer<Float>, result: UnsafeMutablePointer<Float>
    ) {
        self.mode = mode
        self.constant = constant
        self.rank = rank
        self.axes = axes
        self.input = input
        self.result = result
    }
}

extension Movement {
    /// Writes the padded tensor row by row of its last dimension.
    public static func pad(_ arguments: PadArguments) {
        let rank = arguments.rank
        guard rank > 0 else {
            arguments.result[0] = arguments.input[0]
            return
        }
        let last = arguments.axes[rank - 1]
        var counters = InlineArray<8, Int>(repeating: 0)
        var target = arguments.result
        var rows = 1
        for axis in 0..<(rank - 1) { rows *= arguments.axes[axis].paddedSize }
        for _ in 0..<rows {
            let row = sourceRow(arguments, counters)
            for index in 0..<last.paddedSize {
                if let row, let place = last.source(index, arguments.mode) {
                    target[index] = arguments.input[row + place]
                } else {
                    target[index] = arguments.constant
                }
            }
            target += last.paddedSize
            var axis = rank - 2
            while axis >= 0 {
                counters[axis] += 1
                if counters[axis] < arguments.axes[axis].paddedSize { break }
                counters[axis] = 0
                axis -= 1
            }
        }
    }

    /// The offset of the input row that a result row shows; nil when the row is all constant.
    private static func sourceRow(_ arguments: PadArguments, _ counters: InlineArray<8, Int>) -> Int? {
        var offset = 0
        for axis in 0..<(arguments.rank - 1) {
            guard let place = arguments.axes[axis].source(counters[axis], arguments.mode) else { return nil }
            offset = offset * arguments.axes[axis].size + place
        }
        return offset * arguments.axes[arguments.rank - 1].size
    }
}
