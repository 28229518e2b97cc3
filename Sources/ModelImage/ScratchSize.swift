/// How much scratch a step needs: the same figure for the compiler that plans the arena, the reader that checks the
/// plan and the kernels that use it.
public enum ScratchSize {
    /// Output pixels that a convolution computes, about, from one padded strip of its input: enough that copying the
    /// strip costs little beside them, and few enough that it stays in the first-level cache.
    public static let stripPixels = 96
}

extension Operation {
    /// Bytes of scratch that this operation needs.
    ///
    /// - Parameters:
    ///   - left: The shape of the first input, if there is one.
    ///   - right: The shape of the second input, if there is one: weights or right-hand matrix.
    /// - Returns: 0 when it needs none; nil when the size is beyond ``ImageLimits/arenaBytes`` or a shape has too few
    ///   dimensions.
    public func scratchBytes(left: Shape?, right: Shape?) -> Int? {
        let elements: Int64
        switch self {
        case .convolution(let window, _):
            guard window.isPadded else { return 0 }
            guard let left, left.rank == 4, let count = window.stripElements(of: left) else { return nil }
            elements = count
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
        guard elements <= Int64(ImageLimits.arenaBytes / ElementType.float32.size) else { return nil }
        return Int(elements) * ElementType.float32.size
    }
}

extension Window {
    /// True when the input has padding around it.
    var isPadded: Bool { padTop > 0 || padLeft > 0 || padBottom > 0 || padRight > 0 }

    /// Elements of a strip of the padded image `[batch, height, width, channels]` from which about
    /// ``ScratchSize/stripPixels`` output pixels follow; nil when the window is larger than the padded image.
    fileprivate func stripElements(of image: Shape) -> Int64? {
        let height = (kernelHeight - 1) * dilationHeight + 1
        let width = image[2] + padLeft + padRight
        let rows = image[1] + padTop + padBottom - height
        let columns = width - (kernelWidth - 1) * dilationWidth - 1
        guard rows >= 0, columns >= 0 else { return nil }
        let stripRows = min(rows / strideHeight + 1, max(1, ScratchSize.stripPixels / (columns / strideWidth + 1)))
        let (elements, overflows) = Int64((stripRows - 1) * strideHeight + height)
            .multipliedReportingOverflow(by: Int64(width) * Int64(image[3]))
        return overflows ? nil : elements
    }
}
