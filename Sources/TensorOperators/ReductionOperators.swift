import ModelImage
import OperatorInterface
import TensorKernels

/// Reductions over axes, and the places of extremes.
enum ReductionOperators {
    static var all: [PortableOperator] {
        [PortableOperator(.reduceElements, reduce), PortableOperator(.argReduce, argReduce)]
    }

    /// `x → y` of the same type, with or without the axes kept as 1; words: a ``ReduceFunction``, the axes ascending.
    /// An empty input gives the function's neutral element.
    @Sendable static func reduce(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 1...1)
        let x = try context.input(0)
        let y = try context.output(0, x.elementType)
        guard let function = ReduceFunction(rawValue: Int32(truncatingIfNeeded: try context.word(0))) else {
            throw ImageError(.unknownOperation, .operation(context.index), "unknown reduction")
        }
        var kept = LoopNest()
        var reduced = LoopNest()
        var next = 1
        var counts = (kept: 1, reduced: 1)
        for axis in 0..<x.shape.rank {
            let step = x.shape.product(axis + 1..<x.shape.rank)
            if next < context.words.count, try context.word(next) == axis {
                reduced.append(size: x.shape[axis], first: step)
                counts.reduced *= x.shape[axis]
                next += 1
            } else {
                kept.append(size: x.shape[axis], first: step)
                counts.kept *= x.shape[axis]
            }
        }
        try context.require(next == context.words.count, .badAttribute, "axes must ascend and lie inside the shape")
        try context.require(counts.kept == y.count, "the output does not hold the remaining elements")
        return try x.elementType.accept(
            Reduce(function: function, x: x, y: y, kept: kept, reduced: reduced, inner: counts.reduced))
    }

    private struct Reduce: ElementVisitor {
        let function: ReduceFunction
        let x: TensorView
        let y: TensorView
        let kept: LoopNest
        let reduced: LoopNest
        let inner: Int

        func visit<E: Element>(_ type: E.Type) throws(ImageError) -> PreparedOperator {
            let (source, target, count, inner) = (x.elements(E.self), y.elements(E.self), y.count, inner)
            let (kept, reduced, function) = (kept, reduced, function)
            if inner == 0, function == .maximum || function == .minimum {
                let neutral = function == .maximum ? E.lowest : E.highest
                return { for index in 0..<count { target[index] = neutral } }
            }
            return {
                var line = LoopPosition()
                for index in 0..<count {
                    var sum = Accumulator<E.Wide>(function)
                    if function == .logSumExp {
                        var place = LoopPosition()
                        for _ in 0..<inner {
                            sum.bound(source[line.first + place.first].wide)
                            place.advance(in: reduced)
                        }
                    }
                    var place = LoopPosition()
                    for _ in 0..<inner {
                        sum.add(source[line.first + place.first].wide)
                        place.advance(in: reduced)
                    }
                    target[index] = E(narrowing: sum.result(inner))
                    line.advance(in: kept)
                }
            }
        }
    }

    /// `x → y (int64)`: the index of the largest element along an axis; words: axis, smallest, last of equal ones.
    @Sendable static func argReduce(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 1...1)
        let x = try context.input(0)
        let y = try context.output(0, .int64)
        let axis = try context.axis(0, rank: x.shape.rank)
        try context.require(x.shape[axis] > 0, "the axis is empty")
        try context.require(y.count == x.count / x.shape[axis], "the output does not hold the remaining elements")
        return try x.elementType.accept(
            ArgReduce(
                x: x, y: y, axis: axis, smallest: try context.word(1) != 0, last: try context.word(2) != 0))
    }

    private struct ArgReduce: ElementVisitor {
        let x: TensorView
        let y: TensorView
        let axis: Int
        let smallest: Bool
        let last: Bool

        func visit<E: Element>(_ type: E.Type) throws(ImageError) -> PreparedOperator {
            let inner = x.shape.product(axis + 1..<x.shape.rank)
            let (source, target, count, size) = (x.elements(E.self), y.elements(Int64.self), y.count, x.shape[axis])
            let (smallest, last) = (smallest, last)
            return {
                for line in 0..<count {
                    let start = source + line / inner * size * inner + line % inner
                    var best = 0
                    for candidate in 1..<max(size, 1) {
                        let value = start[candidate * inner].wide
                        let held = start[best * inner].wide
                        let wins = smallest ? E.Wide.less(value, held) : E.Wide.less(held, value)
                        if wins || (last && E.Wide.equal(value, held)) { best = candidate }
                    }
                    target[line] = Int64(best)
                }
            }
        }
    }
}

/// What a reduction has seen so far.
struct Accumulator<Wide: WideNumber> {
    private let function: ReduceFunction
    private var total: Wide
    private var largest = -Double.infinity

    init(_ function: ReduceFunction) {
        self.function = function
        total =
            switch function {
            case .maximum: .lowest
            case .minimum: .highest
            case .product: .one
            default: .zero
            }
    }

    /// Takes the largest element into account, so that exponentials do not overflow.
    mutating func bound(_ value: Wide) {
        largest = Swift.max(largest, value.real)
    }

    private var shift: Double { largest.magnitude < .infinity ? largest : 0 }

    mutating func add(_ value: Wide) {
        switch function {
        case .sum, .mean, .logSum: total = .plus(total, value)
        case .maximum: total = .greater(total, value)
        case .minimum: total = .lesser(total, value)
        case .product: total = .times(total, value)
        case .l1: total = .plus(total, .map(.abs, value, 0, 0))
        case .l2, .sumSquare: total = .plus(total, .times(value, value))
        case .logSumExp:
            total = .plus(total, Wide(RealMath.exp(value.real - shift)))
        }
    }

    func result(_ count: Int) -> Wide {
        switch function {
        case .mean: .over(total, Wide(integer: Int64(count)))
        case .l2: .map(.sqrt, total, 0, 0)
        case .logSum: .map(.log, total, 0, 0)
        case .logSumExp: Wide(RealMath.log(total.real) + shift)
        default: total
        }
    }
}
