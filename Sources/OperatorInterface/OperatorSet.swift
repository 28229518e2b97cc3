public import ModelImage

/// A portable operator's prepared step: a run calls it. It allocates nothing and cannot fail.
public typealias PreparedOperator = () -> Void

/// One portable operator: what checks an image's record and builds its step, in one piece.
public struct PortableOperator: Sendable {
    /// The operator's number in the image.
    public let opcode: Opcode
    /// True when a result may take the place of an input of the same number of bytes.
    public let mayRunInPlace: Bool
    /// Checks operands and attributes, of which nothing is known but that they lie inside the image and the arena,
    /// and gives the step. A step may trust whatever this has checked.
    public let prepare: @Sendable (OperatorContext) throws(ImageError) -> PreparedOperator

    /// An operator.
    public init(
        _ opcode: Opcode, mayRunInPlace: Bool = false,
        _ prepare: @escaping @Sendable (OperatorContext) throws(ImageError) -> PreparedOperator
    ) {
        self.opcode = opcode
        self.mayRunInPlace = mayRunInPlace
        self.prepare = prepare
    }
}

/// The portable operators that a program links.
public struct OperatorSet: Sendable {
    private let operators: [PortableOperator]

    /// A set of operators.
    public init(_ operators: [PortableOperator]) {
        self.operators = operators
    }

    /// The opcodes in the set.
    public var opcodes: [Opcode] { operators.map { $0.opcode } }

    /// The step for a record.
    ///
    /// - Throws: ``ImageError`` when the set lacks the operator, or the operands do not fit it.
    public func prepare(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        for candidate in operators where candidate.opcode == context.opcode {
            try context.checkOverlaps(mayRunInPlace: candidate.mayRunInPlace)
            return try candidate.prepare(context)
        }
        throw ImageError(.unknownOperation, .operation(context.index), "this program lacks the portable operator")
    }
}
