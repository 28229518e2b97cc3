extension ImageDescription {
    /// The image's bytes. What is returned has passed ``ImageReader``.
    ///
    /// - Throws: ``ImageError`` naming the tensor or operation that the format or the reader does not allow.
    public func encoded() throws(ImageError) -> [UInt8] {
        var writer = ImageWriter(self)
        let bytes = try writer.write()
        try ImageMemory(copying: bytes).withBytes { bytes throws(ImageError) in _ = try ImageReader(bytes) }
        return bytes
    }
}

/// Lays the sections of an image out: header, tensors, plan, words, strings, weights.
struct ImageWriter {
    private let image: ImageDescription
    private var tensors: [UInt8] = []
    private var plan: [UInt8] = []
    private var words: [UInt32] = []
    private var strings: [UInt8] = []
    private var weights: [UInt8] = []

    init(_ image: ImageDescription) {
        self.image = image
    }

    mutating func write() throws(ImageError) -> [UInt8] {
        try checkCounts()
        words = (image.inputs + image.outputs).map { UInt32(truncatingIfNeeded: $0) }
        for index in image.tensors.indices { try append(tensor: image.tensors[index], index) }
        for index in image.operations.indices { try append(step: image.operations[index], index) }
        return try assemble()
    }

    private func checkCounts() throws(ImageError) {
        let fits =
            image.tensors.count <= ImageLimits.tensors && image.operations.count <= ImageLimits.operations
            && image.inputs.count <= ImageLimits.ports && image.outputs.count <= ImageLimits.ports
            && image.arenaBytes >= 0 && image.arenaBytes <= ImageLimits.arenaBytes
        guard fits else {
            throw ImageError(.limitExceeded, .header, "more tensors, operations, ports or arena than ImageLimits")
        }
        let known = image.tensors.indices
        guard (image.inputs + image.outputs).allSatisfy({ known.contains($0) }) else {
            throw ImageError(.badOperand, .header, "a model input or output names a tensor that does not exist")
        }
    }

    private mutating func append(tensor: ImageDescription.Tensor, _ index: Int) throws(ImageError) {
        guard let shape = Shape(tensor.shape) else {
            throw ImageError(.badTensor, .tensor(index), "rank, a dimension or the element count is out of range")
        }
        let elements = tensor.layout.elementCount(of: shape)
        let byteCount = (elements ?? 0) * tensor.elementType.size
        let isConstant = tensor.kind == .constant
        guard !isConstant || tensor.data.count == byteCount else {
            throw ImageError(.badTensor, .tensor(index), "a constant's data does not fit its shape and layout")
        }
        let offset = isConstant ? weights.count : tensor.arenaOffset
        guard offset >= 0, offset + byteCount <= ImageLimits.imageBytes else {
            throw ImageError(.limitExceeded, .tensor(index), "offset or size is beyond ImageLimits")
        }
        if isConstant {
            weights += tensor.data
            weights.padToAlignment()
        }
        let name = try appendName(tensor.name, .tensor(index))
        tensors += [tensor.elementType.rawValue, tensor.kind.rawValue, tensor.layout.rawValue, UInt8(shape.rank)]
        tensors.appendLittleEndian(name.offset)
        tensors.appendLittleEndian(UInt32(name.count))
        tensors.appendLittleEndian(UInt32(0))
        tensors.appendLittleEndian(UInt32(offset))
        tensors.appendLittleEndian(UInt32(byteCount))
        tensors.appendLittleEndian(UInt32(truncatingIfNeeded: (tensor.extent ?? -1) + 1))
        tensors.appendLittleEndian(UInt32(0))
        for axis in 0..<ImageLimits.rank { tensors.appendLittleEndian(shape.storage[axis]) }
    }

    private mutating func append(step: ImageDescription.Step, _ index: Int) throws(ImageError) {
        let attributes = step.operation.words
        let known = image.tensors.indices
        let operandsExist =
            step.inputs.allSatisfy { $0.map { known.contains($0) } ?? true }
            && step.outputs.allSatisfy { known.contains($0) }
        guard operandsExist else {
            throw ImageError(.badOperand, .operation(index), "an operand names a tensor that does not exist")
        }
        guard step.inputs.count <= ImageLimits.operands, step.outputs.count <= ImageLimits.operands,
            let scratchOffset = UInt32(exactly: step.scratchOffset),
            let scratchBytes = UInt32(exactly: step.scratchBytes)
        else {
            throw ImageError(.limitExceeded, .operation(index), "too many operands, or scratch out of range")
        }
        let name = try appendName(step.name, .operation(index))
        plan.appendLittleEndian(step.operation.opcode.rawValue)
        plan += [step.activation.function.rawValue, 0, UInt8(step.inputs.count), UInt8(step.outputs.count)]
        plan.appendLittleEndian(UInt16(attributes.count))
        plan.appendLittleEndian(UInt32(words.count))
        words += step.inputs.map { $0.map { UInt32($0) } ?? ImageFormat.absentOperand }
        words += step.outputs.map { UInt32($0) }
        plan.appendLittleEndian(UInt32(words.count))
        words += attributes.map { UInt32(bitPattern: $0) }
        plan.appendLittleEndian(step.activation.alpha.bitPattern)
        plan.appendLittleEndian(step.activation.beta.bitPattern)
        plan.appendLittleEndian(scratchOffset)
        plan.appendLittleEndian(scratchBytes)
        plan.appendLittleEndian(name.offset)
        plan.appendLittleEndian(UInt32(name.count))
    }

    private mutating func appendName(
        _ name: String, _ subject: ImageError.Subject
    ) throws(ImageError) -> (offset: UInt32, count: UInt16) {
        let text = Array(name.utf8)
        guard text.count <= ImageLimits.nameBytes else {
            throw ImageError(.limitExceeded, subject, "the name is longer than 255 bytes")
        }
        defer { strings += text }
        return (UInt32(strings.count), UInt16(text.count))
    }

    private func assemble() throws(ImageError) -> [UInt8] {
        let tensorOffset = ImageFormat.headerBytes
        let planOffset = tensorOffset + tensors.count
        let wordOffset = ImageFormat.aligned(planOffset + plan.count)
        let stringOffset = wordOffset + 4 * words.count
        let weightOffset = ImageFormat.aligned(stringOffset + strings.count)
        let fileBytes = weightOffset + weights.count
        guard fileBytes <= ImageLimits.imageBytes else {
            throw ImageError(.limitExceeded, .file, "the image exceeds ImageLimits.imageBytes")
        }
        var file: [UInt8] = []
        file.reserveCapacity(fileBytes)
        file.appendLittleEndian(ImageFormat.magic)
        file.appendLittleEndian(ImageFormat.majorVersion)
        file.appendLittleEndian(ImageFormat.minorVersion)
        for field in [
            fileBytes, image.arenaBytes, tensorOffset, image.tensors.count, planOffset, image.operations.count,
            wordOffset, words.count, stringOffset, strings.count, weightOffset,
        ] { file.appendLittleEndian(UInt32(field)) }
        file.appendLittleEndian(UInt16(image.inputs.count))
        file.appendLittleEndian(UInt16(image.outputs.count))
        file.appendLittleEndian(UInt32(0))
        file += tensors
        file += plan
        file.padToAlignment()
        for word in words { file.appendLittleEndian(word) }
        file += strings
        file.padToAlignment()
        file += weights
        let checksum = file.withUnsafeBytes { bytes in
            bytes.baseAddress.map { ImageBytes(base: $0, count: bytes.count).checksum() } ?? 0
        }
        for byte in 0..<4 {
            file[ImageHeader.checksumOffset + byte] = UInt8(truncatingIfNeeded: checksum >> (8 * byte))
        }
        return file
    }
}

extension [UInt8] {
    mutating func padToAlignment() {
        append(contentsOf: repeatElement(0, count: ImageFormat.aligned(count) - count))
    }
}
