/// Decoding and checking of the two tables' records.
extension ImageReader {
    /// Entry `index` of the tensor table.
    public func tensor(_ index: Int) -> TensorRecord {
        guard let record = try? decodeTensor(index) else {
            preconditionFailure("records are checked when the reader is made")
        }
        return record
    }

    /// Step `index` of the plan.
    public func operation(_ index: Int) -> OperationRecord {
        guard let record = try? decodeOperation(index) else {
            preconditionFailure("records are checked when the reader is made")
        }
        return record
    }

    func checkTensor(_ index: Int) throws(ImageError) {
        let tensor = try decodeTensor(index)
        let record = tensorOffset(index)
        try checkName(bytes.word(record + 4), bytes.half(record + 8), .tensor(index))
        let elements = tensor.layout.elementCount(of: tensor.shape)
        guard let elements, tensor.layout == .dense || tensor.kind == .constant else {
            throw ImageError(.badTensor, .tensor(index), "panels and pairs are for constants of rank 2 or 3")
        }
        guard Int64(elements) * Int64(tensor.elementType.size) == Int64(tensor.byteCount) else {
            throw ImageError(.badTensor, .tensor(index), "the byte count does not fit shape and element type")
        }
        guard tensor.offset % ImageFormat.alignment == 0 else {
            throw ImageError(.badTensor, .tensor(index), "the offset is not a multiple of 64")
        }
        let room =
            tensor.kind == .constant ? header.fileBytes - Int(header.weightOffset) : header.arenaBytes
        guard Int64(tensor.offset) + Int64(ImageFormat.aligned(tensor.byteCount)) <= Int64(room) else {
            throw ImageError(.badTensor, .tensor(index), "the elements reach past the end of weights or arena")
        }
        try checkExtent(of: tensor, index)
    }

    /// A tensor with an extent is an output, and the extent an int64 scalar in the arena.
    private func checkExtent(of tensor: TensorRecord, _ index: Int) throws(ImageError) {
        guard let extent = tensor.extent else { return }
        guard tensor.kind == .output, tensor.shape.rank > 0, extent < tensorCount else {
            throw ImageError(.badTensor, .tensor(index), "only an output of rank 1 or more has an extent")
        }
        let scalar = try decodeTensor(extent)
        guard scalar.elementType == .int64, scalar.kind != .constant, scalar.shape.elementCount == 1 else {
            throw ImageError(.badTensor, .tensor(index), "the extent must be an int64 scalar in the arena")
        }
    }

    func decodeTensor(_ index: Int) throws(ImageError) -> TensorRecord {
        let record = tensorOffset(index)
        guard let elementType = ElementType(rawValue: bytes.byte(record)),
            let kind = TensorKind(rawValue: bytes.byte(record + 1)),
            let layout = TensorLayout(rawValue: bytes.byte(record + 2))
        else {
            throw ImageError(.badTensor, .tensor(index), "unknown element type, kind or layout")
        }
        let rank = Int(bytes.byte(record + 3))
        var dimensions = SIMD8<Int32>(repeating: 1)
        for axis in 0..<min(rank, ImageLimits.rank) {
            dimensions[axis] = Int32(bitPattern: bytes.word(record + 32 + 4 * axis))
        }
        guard let shape = Shape(rank: rank, storage: dimensions) else {
            throw ImageError(.badTensor, .tensor(index), "rank, a dimension or the element count is out of range")
        }
        let offset = bytes.word(record + 16)
        let byteCount = bytes.word(record + 20)
        guard offset <= UInt32(ImageLimits.imageBytes), byteCount <= UInt32(ImageLimits.imageBytes) else {
            throw ImageError(.limitExceeded, .tensor(index), "offset or size is beyond ImageLimits")
        }
        return TensorRecord(
            elementType: elementType, kind: kind, layout: layout, shape: shape, offset: Int(offset),
            byteCount: Int(byteCount), extent: bytes.word(record + 24) == 0 ? nil : Int(bytes.word(record + 24)) - 1)
    }

    func checkOperation(_ index: Int) throws(ImageError) {
        let record = try decodeOperation(index)
        let start = operationOffset(index)
        try checkName(bytes.word(start + 32), bytes.half(start + 36), .operation(index))
        guard record.scratchOffset % ImageFormat.alignment == 0,
            Int64(record.scratchOffset) + Int64(ImageFormat.aligned(record.scratchBytes)) <= Int64(arenaBytes)
        else {
            throw ImageError(.badScratch, .operation(index), "scratch is unaligned or reaches past the arena")
        }
        for slot in 0..<record.inputCount {
            guard let tensor = input(slot, of: record) else { continue }
            guard tensor < tensorCount else {
                throw ImageError(.badOperand, .operation(index), "an input names a tensor that does not exist")
            }
        }
        for slot in 0..<record.outputCount {
            let tensor = output(slot, of: record)
            guard tensor < tensorCount, self.tensor(tensor).kind != .constant else {
                throw ImageError(.badOperand, .operation(index), "an output must be an existing tensor in the arena")
            }
        }
        try OperationCheck(reader: self, index: index, record: record).run()
    }

    func decodeOperation(_ index: Int) throws(ImageError) -> OperationRecord {
        let record = operationOffset(index)
        guard let opcode = Opcode(rawValue: bytes.half(record)),
            let function = UnaryFunction(rawValue: bytes.byte(record + 2))
        else {
            throw ImageError(.unknownOperation, .operation(index), "this reader does not know the opcode or activation")
        }
        let inputCount = Int(bytes.byte(record + 4))
        let outputCount = Int(bytes.byte(record + 5))
        let attributeCount = Int(bytes.half(record + 6))
        guard inputCount <= ImageLimits.operands, outputCount <= ImageLimits.operands,
            attributeCount <= ImageLimits.attributeWords
        else {
            throw ImageError(.limitExceeded, .operation(index), "too many operands or attributes")
        }
        let operandStart = bytes.word(record + 8)
        let attributeStart = bytes.word(record + 12)
        guard UInt64(operandStart) + UInt64(inputCount + outputCount) <= UInt64(header.wordCount),
            UInt64(attributeStart) + UInt64(attributeCount) <= UInt64(header.wordCount)
        else {
            throw ImageError(.badLayout, .operation(index), "operands or attributes lie outside the words section")
        }
        var words = WordCursor(bytes, at: Int(header.wordOffset) + 4 * Int(attributeStart), count: attributeCount)
        guard let operation = Operation.decode(opcode, &words) else {
            throw ImageError(.badAttribute, .operation(index), "attributes are missing, left over or out of range")
        }
        let scratchOffset = bytes.word(record + 24)
        let scratchBytes = bytes.word(record + 28)
        guard scratchOffset <= UInt32(ImageLimits.arenaBytes), scratchBytes <= UInt32(ImageLimits.arenaBytes) else {
            throw ImageError(.limitExceeded, .operation(index), "scratch is beyond ImageLimits")
        }
        return OperationRecord(
            operation: operation,
            activation: Activation(
                function, alpha: Float(bitPattern: bytes.word(record + 16)),
                beta: Float(bitPattern: bytes.word(record + 20))),
            inputCount: inputCount, outputCount: outputCount, scratchOffset: Int(scratchOffset),
            scratchBytes: Int(scratchBytes), operandStart: Int(operandStart))
    }

    func checkPorts() throws(ImageError) {
        for port in 0..<inputCount {
            guard word(port) < UInt32(tensorCount), tensor(input(port)).kind == .input else {
                throw ImageError(.badOperand, .header, "a model input must name a tensor of kind input")
            }
        }
        for port in 0..<outputCount {
            guard word(inputCount + port) < UInt32(tensorCount), tensor(output(port)).kind == .output else {
                throw ImageError(.badOperand, .header, "a model output must name a tensor of kind output")
            }
        }
    }

    private func checkName(_ offset: UInt32, _ count: UInt16, _ subject: ImageError.Subject) throws(ImageError) {
        guard Int(count) <= ImageLimits.nameBytes, UInt64(offset) + UInt64(count) <= UInt64(header.stringBytes) else {
            throw ImageError(.badLayout, subject, "the name lies outside the string section or is too long")
        }
    }
}
