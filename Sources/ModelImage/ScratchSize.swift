/// How much scratch a step needs: the same figure for the compiler that plans the arena, the reader that checks the
/// plan and the kernels that use it.
public enum ScratchSize {
    /// Patches (one output pixel's inputs each) that a convolution gathers at a time: a multiple of every
    /// instruction set's row block.
    public static let patchRows = 12
}

extension Operation {
    /// Bytes of scratch that this operation needs.
    ///
    /// - Parameter right: The shape of the second input, if there is one: weights or right-hand matrix.
    /// - Returns: 0 when it needs none; nil when the size is beyond ``ImageLimits/arenaBytes`` or `right` has too few
    ///   dimensions.
    public func scratchBytes(right: Shape?) -> Int? {
        let elements: Int64
        switch self {
        case .convolution(let window, _):
            guard !window.isPointwise else { return 0 }
            guard let right, right.rank == 3, right.elementCount > 0 else { return nil }
            elements = Int64(ScratchSize.patchRows) * Int64(right[1])
        case .matMul(let transposedRight):
            guard let right, right.rank >= 2 else { return nil }
            let last = right[right.rank - 1]
            let first = right[right.rank - 2]
            guard let matrix = Shape(transposedRight ? [last, first] : [first, last]),
                let count = PanelLayout.elementCount(of: matrix)
            else { return nil }
            elements = Int64(count)
        default:
            return 0
        }
        let bytes = elements * Int64(ElementType.float32.size)
        return bytes <= Int64(ImageLimits.arenaBytes) ? Int(bytes) : nil
    }
}
