import ModelImage
import OperatorInterface
import TensorKernels

/// Functions of each element, of pairs of elements, choices and conversions, with ONNX's broadcasting.
enum ElementOperators {
    static var all: [PortableOperator] {
        [
            PortableOperator(.mapElements, mayRunInPlace: true, map), PortableOperator(.combineElements, combine),
            PortableOperator(.selectElements, select), PortableOperator(.castElements, cast),
            PortableOperator(.expand, expand),
        ]
    }

    // MARK: - One operand

    /// `x → y` of the same type; words: a ``UnaryFunction`` or ``MapFunction``, alpha, beta.
    @Sendable static func map(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 1...1)
        let x = try context.input(0)
        let y = try context.output(0, x.elementType)
        try context.require(x.count == y.count, "a function keeps the number of elements")
        return try x.elementType.accept(Map(context: context, x: x, y: y))
    }

    private struct Map: ElementVisitor {
        let context: OperatorContext
        let x: TensorView
        let y: TensorView

        func visit<E: Element>(_ type: E.Type) throws(ImageError) -> PreparedOperator {
            let (x, y, count) = (x.elements(E.self), y.elements(E.self), x.count)
            let number = try context.word(0)
            if number == Int(MapFunction.not.rawValue) {
                return { for index in 0..<count { y[index] = E(narrowing: x[index].wide.isZero ? .one : .zero) } }
            }
            guard let function = UInt8(exactly: number).flatMap(UnaryFunction.init(rawValue:)) else {
                throw ImageError(.unknownOperation, .operation(context.index), "unknown function")
            }
            let alpha = Double(try context.float(1))
            let beta = Double(try context.float(2))
            return {
                for index in 0..<count { y[index] = E(narrowing: .map(function, x[index].wide, alpha, beta)) }
            }
        }
    }

    /// `x → y` of the same shape and any types: floats to integers towards zero, integers wrap, bool is "not 0".
    @Sendable static func cast(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 1...1)
        let x = try context.input(0)
        let y = try context.output()
        try context.require(x.count == y.count, "a cast keeps the number of elements")
        return try x.elementType.accept(CastFrom(x: x, y: y))
    }

    private struct CastFrom: ElementVisitor {
        let x: TensorView
        let y: TensorView

        func visit<E: Element>(_ type: E.Type) throws(ImageError) -> PreparedOperator {
            try y.elementType.accept(CastTo<E>(x: x, y: y))
        }
    }

    private struct CastTo<Source: Element>: ElementVisitor {
        let x: TensorView
        let y: TensorView

        func visit<E: Element>(_ type: E.Type) throws(ImageError) -> PreparedOperator {
            let (x, y, count) = (x.elements(Source.self), y.elements(E.self), x.count)
            return { for index in 0..<count { y[index] = E(converting: x[index].wide) } }
        }
    }

    /// `x → y`, x broadcast to y's shape; any type.
    @Sendable static func expand(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 1...1)
        let x = try context.input(0)
        let y = try context.output(0, x.elementType)
        try context.require(x.shape.broadcasts(to: y.shape), "the input does not broadcast to the output")
        let loops = LoopNest.broadcasting(x.shape, to: y.shape)
        let size = x.elementType.size
        let isEmpty = y.count == 0
        return { if !isEmpty { Movement.gather(loops, from: x.address, to: y.address, elementSize: size) } }
    }

    // MARK: - Two and three operands

    /// `a, b → y`; words: a ``PairOperation``. Operands have one type; y has it too, or is bool for predicates.
    @Sendable static func combine(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 2...2)
        guard let operation = PairOperation(rawValue: Int32(truncatingIfNeeded: try context.word(0))) else {
            throw ImageError(.unknownOperation, .operation(context.index), "unknown function")
        }
        let a = try context.input(0)
        let b = try context.input(1, a.elementType)
        let y = try context.output(0, operation.isPredicate ? .bool : a.elementType)
        try context.require(
            Shape.broadcast(a.shape, b.shape) == y.shape, "the inputs do not broadcast to the output")
        return try a.elementType.accept(Combine(operation: operation, a: a, b: b, y: y))
    }

    private struct Combine: ElementVisitor {
        let operation: PairOperation
        let a: TensorView
        let b: TensorView
        let y: TensorView

        func visit<E: Element>(_ type: E.Type) throws(ImageError) -> PreparedOperator {
            let loops = LoopNest.broadcasting(a.shape, b.shape, to: y.shape)
            let (a, b, count, operation) = (a.elements(E.self), b.elements(E.self), y.count, operation)
            if operation.isPredicate {
                let y = y.elements(Flag.self)
                return {
                    var place = LoopPosition()
                    for index in 0..<count {
                        y[index] = Flag(E.Wide.holds(operation, a[place.first].wide, b[place.second].wide))
                        place.advance(in: loops)
                    }
                }
            }
            let y = y.elements(E.self)
            return {
                var place = LoopPosition()
                for index in 0..<count {
                    y[index] = E(narrowing: .combine(operation, a[place.first].wide, b[place.second].wide))
                    place.advance(in: loops)
                }
            }
        }
    }

    /// `condition (bool), a, b → y`: ONNX's Where, for any type of a, b and y.
    @Sendable static func select(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 3...3)
        let condition = try context.input(0, .bool)
        let a = try context.input(1)
        let b = try context.input(2, a.elementType)
        let y = try context.output(0, a.elementType)
        guard let pair = Shape.broadcast(a.shape, b.shape), Shape.broadcast(condition.shape, pair) == y.shape else {
            throw ImageError(.badShape, .operation(context.index), "the inputs do not broadcast to the output")
        }
        switch a.elementType.size {
        case 1: return choose(condition, a, b, y, UInt8.self)
        case 2: return choose(condition, a, b, y, UInt16.self)
        case 4: return choose(condition, a, b, y, UInt32.self)
        default: return choose(condition, a, b, y, UInt64.self)
        }
    }

    private static func choose<Unit: BitwiseCopyable>(
        _ condition: TensorView, _ a: TensorView, _ b: TensorView, _ y: TensorView, _ unit: Unit.Type
    ) -> PreparedOperator {
        let operands = LoopNest.broadcasting(a.shape, b.shape, to: y.shape)
        let flags = LoopNest.broadcasting(condition.shape, to: y.shape)
        let (condition, a, b) = (condition.elements(Flag.self), a.elements(unit), b.elements(unit))
        let (target, count) = (y.elements(unit), y.count)
        return {
            var place = LoopPosition()
            var flag = LoopPosition()
            for index in 0..<count {
                target[index] = condition[flag.first].isTrue ? a[place.first] : b[place.second]
                place.advance(in: operands)
                flag.advance(in: flags)
            }
        }
    }
}

extension Element {
    /// ONNX's Cast between wide numbers of any kind.
    init<Source: WideNumber>(converting source: Source) {
        if Wide.self == Double.self {
            self.init(narrowing: Wide(source.real))
        } else if Self.self == Flag.self {
            self.init(narrowing: source.isZero ? .zero : .one)
        } else {
            // Out of range a float gives the nearest integer; integers wrap.
            let whole = source.integer
            let fits = Source.self == Int64.self || Self.range.contains(whole)
            self.init(
                narrowing: Wide(integer: fits ? whole : whole < 0 ? Self.range.lowerBound : Self.range.upperBound))
        }
    }
}
