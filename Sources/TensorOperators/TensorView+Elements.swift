import ModelImage
import OperatorInterface
import TensorKernels

extension TensorView {
    /// The elements, of a type of the element type's size.
    func elements<E: BitwiseCopyable>(_ type: E.Type) -> UnsafeMutablePointer<E> {
        address.assumingMemoryBound(to: type)
    }
}

extension LoopNest {
    /// Walks the elements of `target` in row-major order; a step for each of two tensors that broadcast to it.
    static func broadcasting(_ first: Shape, _ second: Shape? = nil, to target: Shape) -> LoopNest {
        var loops = LoopNest()
        for axis in 0..<target.rank {
            loops.append(
                size: target[axis], first: step(first, axis, in: target),
                second: second.map { step($0, axis, in: target) } ?? 0)
        }
        return loops
    }

    private static func step(_ shape: Shape, _ axis: Int, in target: Shape) -> Int {
        let own = axis - (target.rank - shape.rank)
        return own < 0 || shape[own] == 1 ? 0 : shape.product(own + 1..<shape.rank)
    }
}

extension OperatorContext {
    /// Throws unless `count` is the product of the factors, which may be too large for an `Int`.
    func require(
        _ count: Int, isProductOf factors: [Int], _ detail: StaticString
    ) throws(ImageError) {
        var product: Int64 = 1
        for factor in factors {
            let (next, overflow) = product.multipliedReportingOverflow(by: Int64(factor))
            try require(!overflow, detail)
            product = next
        }
        try require(product == Int64(count), detail)
    }
}
