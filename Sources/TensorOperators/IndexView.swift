import ModelImage
import OperatorInterface

/// An operand of indices, int32 or int64. A negative index counts from the end of its axis.
///
/// A step cannot fail and must not read elsewhere: an index outside its axis that is known only at run time is held at
/// the axis's nearer end. A constant one is refused when the model is loaded.
struct IndexView {
    let shape: Shape
    private let wide: UnsafeMutablePointer<Int64>?
    private let narrow: UnsafeMutablePointer<Int32>?

    /// Input `slot` of an operator.
    init(_ context: OperatorContext, _ slot: Int) throws(ImageError) {
        let input = try context.input(slot)
        try context.require(
            input.elementType == .int64 || input.elementType == .int32, .badOperand, "indices are int32 or int64")
        shape = input.shape
        wide = input.elementType == .int64 ? input.elements(Int64.self) : nil
        narrow = input.elementType == .int64 ? nil : input.elements(Int32.self)
        view = input
    }

    private let view: TensorView

    var count: Int { shape.elementCount }

    /// Index `position` as it is stored.
    func number(_ position: Int) -> Int64 {
        wide.map { $0[position] } ?? narrow.map { Int64($0[position]) } ?? 0
    }

    /// Index `position` as a place in an axis of `extent` elements, at least one.
    func place(_ position: Int, in extent: Int) -> Int {
        let number = number(position)
        let positive = number < 0 ? number &+ Int64(extent) : number
        return Int(max(0, min(positive, Int64(extent) - 1)))
    }

    /// Throws when the indices are constant and index `position` is outside an axis of `extent`.
    func require(_ position: Int, inside extent: Int, _ context: OperatorContext) throws(ImageError) {
        guard view.isConstant else { return }
        let number = number(position)
        try context.require(
            number >= -Int64(extent) && number < Int64(extent), .badAttribute, "a constant index is outside its axis")
    }
}

extension Shape {
    /// Elements between neighbours along an axis, row-major.
    func stride(_ axis: Int) -> Int { product(axis + 1..<rank) }
}
