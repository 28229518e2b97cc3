public import ModelImage
public import TensorKernels

/// One operand of a portable operator, where it is in memory. The elements lie inside the image or the arena.
public struct TensorView {
    /// What the elements are.
    public let elementType: ElementType
    /// The dimensions; a dimension may be 0.
    public let shape: Shape
    /// True for weights: they are known when the model is loaded, and never written.
    public let isConstant: Bool
    /// The first element.
    public let address: UnsafeMutableRawPointer

    /// The number of elements.
    public var count: Int { shape.elementCount }

    /// Bytes of all elements.
    public var byteCount: Int { count * elementType.size }
}

/// What a portable operator is prepared from: its record's operands and attributes.
///
/// The image may be hostile. That operands lie inside the image or the arena is certain; every other property an
/// operator must ask for. The accessors throw ``ImageError`` when the record does not have what is asked.
public struct OperatorContext {
    /// The step of the plan, for errors.
    public let index: Int
    /// Which operator.
    public let opcode: Opcode
    /// The vector kernels, for operators that are built on them.
    public let kernels: KernelTable
    /// The attribute words.
    public let words: [Int32]
    private let inputs: [TensorView?]
    private let outputs: [TensorView]
    private let scratch: UnsafeMutableRawBufferPointer

    /// Resolves a record's operands.
    ///
    /// - Throws: ``ImageError`` when an operand is in panels, which no portable operator takes.
    public init(
        reader: ImageReader, index: Int, record: OperationRecord, arena: UnsafeMutableRawPointer, kernels: KernelTable
    ) throws(ImageError) {
        self.index = index
        self.kernels = kernels
        opcode = record.operation.opcode
        if case .portable(_, let words) = record.operation { self.words = words } else { words = [] }
        var inputs: [TensorView?] = []
        for slot in 0..<record.inputCount {
            guard let tensor = reader.input(slot, of: record).map({ reader.tensor($0) }) else {
                inputs.append(nil)
                continue
            }
            guard tensor.layout == .dense else {
                throw ImageError(.badOperand, .operation(index), "a portable operator takes dense operands")
            }
            inputs.append(TensorView(tensor, weights: reader.weights, arena: arena))
        }
        self.inputs = inputs
        var outputs: [TensorView] = []
        for slot in 0..<record.outputCount {
            outputs.append(
                TensorView(reader.tensor(reader.output(slot, of: record)), weights: reader.weights, arena: arena))
        }
        self.outputs = outputs
        scratch = UnsafeMutableRawBufferPointer(
            start: arena + record.scratchOffset, count: record.scratchBytes)
    }

    // MARK: - Operands

    /// The number of inputs, absent ones included.
    public var inputCount: Int { inputs.count }

    /// The number of outputs.
    public var outputCount: Int { outputs.count }

    /// Throws `code` unless `condition` holds.
    public func require(
        _ condition: Bool, _ code: ImageError.Code, _ detail: StaticString
    ) throws(ImageError) {
        guard condition else { throw ImageError(code, .operation(index), detail) }
    }

    /// Throws ``ImageError/Code/badShape`` unless `condition` holds.
    public func require(_ condition: Bool, _ detail: StaticString) throws(ImageError) {
        try require(condition, .badShape, detail)
    }

    /// Throws unless the record has that many inputs and outputs.
    public func requireCounts(inputs: ClosedRange<Int>, outputs: ClosedRange<Int> = 1...1) throws(ImageError) {
        try require(inputs.contains(inputCount), .badOperand, "wrong number of inputs")
        try require(outputs.contains(outputCount), .badOperand, "wrong number of outputs")
    }

    /// Input `slot`, which must be present.
    public func input(_ slot: Int) throws(ImageError) -> TensorView {
        guard let input = optionalInput(slot) else {
            throw ImageError(.badOperand, .operation(index), "a required input is absent")
        }
        return input
    }

    /// Input `slot`, of the given element type.
    public func input(_ slot: Int, _ type: ElementType) throws(ImageError) -> TensorView {
        let input = try input(slot)
        try require(input.elementType == type, .badOperand, "an input has the wrong element type")
        return input
    }

    /// Input `slot`; nil when it is absent or the record has fewer.
    public func optionalInput(_ slot: Int) -> TensorView? {
        slot >= 0 && slot < inputs.count ? inputs[slot] : nil
    }

    /// Output `slot`.
    public func output(_ slot: Int = 0) throws(ImageError) -> TensorView {
        guard slot >= 0, slot < outputs.count else {
            throw ImageError(.badOperand, .operation(index), "an output is missing")
        }
        return outputs[slot]
    }

    /// Output `slot`, of the given element type.
    public func output(_ slot: Int, _ type: ElementType) throws(ImageError) -> TensorView {
        let output = try output(slot)
        try require(output.elementType == type, .badOperand, "an output has the wrong element type")
        return output
    }

    /// Working memory for the step alone, aligned to 64 bytes.
    public func scratch(_ bytes: Int) throws(ImageError) -> UnsafeMutableRawPointer {
        guard let start = scratch.baseAddress, bytes <= scratch.count else {
            throw ImageError(.badScratch, .operation(index), "less scratch than the operator needs")
        }
        return start
    }

    // MARK: - Attributes

    /// Attribute word `position`.
    public func word(_ position: Int) throws(ImageError) -> Int {
        guard position >= 0, position < words.count else {
            throw ImageError(.badAttribute, .operation(index), "attributes are missing")
        }
        return Int(words[position])
    }

    /// Attribute word `position`, which must lie in `range`.
    public func word(_ position: Int, in range: ClosedRange<Int>) throws(ImageError) -> Int {
        let value = try word(position)
        try require(range.contains(value), .badAttribute, "an attribute is out of range")
        return value
    }

    /// Attribute word `position` as a float.
    public func float(_ position: Int) throws(ImageError) -> Float {
        Float(bitPattern: UInt32(truncatingIfNeeded: try word(position)))
    }

    /// Attribute word `position` as an axis of a tensor of rank `rank`.
    public func axis(_ position: Int, rank: Int) throws(ImageError) -> Int {
        let axis = try word(position)
        try require(axis >= 0 && axis < rank, .badAttribute, "an axis is outside the shape")
        return axis
    }

    // MARK: - Memory

    /// Throws when a result overlaps another one, scratch, or an input that is still read.
    func checkOverlaps(mayRunInPlace: Bool) throws(ImageError) {
        let working = UnsafeMutableRawPointer.span(scratch.baseAddress, scratch.count)
        for (slot, output) in outputs.enumerated() {
            let written = output.span
            try require(!written.overlaps(working), .badScratch, "scratch overlaps an output")
            for other in outputs[..<slot] {
                try require(!written.overlaps(other.span), .badOperand, "two outputs overlap")
            }
            for case let input? in inputs where !input.isConstant {
                let inPlace = mayRunInPlace && input.span == written
                try require(
                    inPlace || !written.overlaps(input.span), .badOperand,
                    "the output overlaps an input that is still read")
            }
        }
        for case let input? in inputs where !input.isConstant {
            try require(!input.span.overlaps(working), .badScratch, "scratch overlaps an input")
        }
    }
}

extension TensorView {
    init(_ tensor: TensorRecord, weights: UnsafeRawPointer, arena: UnsafeMutableRawPointer) {
        elementType = tensor.elementType
        shape = tensor.shape
        isConstant = tensor.kind == .constant
        address = isConstant ? UnsafeMutableRawPointer(mutating: weights + tensor.offset) : arena + tensor.offset
    }

    var span: Range<UInt> { UnsafeMutableRawPointer.span(address, byteCount) }
}

extension UnsafeMutableRawPointer {
    static func span(_ start: UnsafeMutableRawPointer?, _ count: Int) -> Range<UInt> {
        let first = UInt(bitPattern: start)
        return first..<(first + UInt(count))
    }
}
