/// An image's fixed first bytes, checked for form but not yet against the sections they point to.
struct ImageHeader {
    /// Where the checksum is; it covers everything but itself.
    static let checksumOffset = 60

    let majorVersion: UInt16
    let fileBytes: Int
    let arenaBytes: Int
    let tensorOffset: UInt32
    let tensorCount: Int
    let planOffset: UInt32
    let operationCount: Int
    let wordOffset: UInt32
    let wordCount: Int
    let stringOffset: UInt32
    let stringBytes: Int
    let weightOffset: UInt32
    let inputCount: Int
    let outputCount: Int
    let checksum: UInt32

    init(_ bytes: ImageBytes) throws(ImageError) {
        guard bytes.count >= ImageFormat.headerBytes else {
            throw ImageError(.truncated, .file, "an image has at least 64 bytes")
        }
        guard bytes.wide(0) == ImageFormat.magic else {
            throw ImageError(.notAnImage, .header, "the file does not begin with MARTLETI")
        }
        majorVersion = bytes.half(8)
        guard majorVersion == ImageFormat.majorVersion else {
            throw ImageError(.unsupportedVersion, .header, "this reader knows major version 1; compile the model again")
        }
        fileBytes = try Self.count(bytes, 12, limit: ImageLimits.imageBytes)
        arenaBytes = try Self.count(bytes, 16, limit: ImageLimits.arenaBytes)
        tensorOffset = bytes.word(20)
        tensorCount = try Self.count(bytes, 24, limit: ImageLimits.tensors)
        planOffset = bytes.word(28)
        operationCount = try Self.count(bytes, 32, limit: ImageLimits.operations)
        wordOffset = bytes.word(36)
        wordCount = try Self.count(bytes, 40, limit: ImageLimits.imageBytes / 4)
        stringOffset = bytes.word(44)
        stringBytes = try Self.count(bytes, 48, limit: ImageLimits.imageBytes)
        weightOffset = bytes.word(52)
        inputCount = Int(bytes.half(56))
        outputCount = Int(bytes.half(58))
        checksum = bytes.word(Self.checksumOffset)
        guard inputCount <= ImageLimits.ports, outputCount <= ImageLimits.ports else {
            throw ImageError(.limitExceeded, .header, "a model has at most 64 inputs and 64 outputs")
        }
    }

    private static func count(_ bytes: ImageBytes, _ offset: Int, limit: Int) throws(ImageError) -> Int {
        let value = bytes.word(offset)
        guard value <= UInt32(limit) else {
            throw ImageError(.limitExceeded, .header, "a size or count in the header is beyond ImageLimits")
        }
        return Int(value)
    }

    /// Checks that every section lies inside the file where its alignment allows.
    func checkSections(_ bytes: ImageBytes) throws(ImageError) {
        guard fileBytes <= bytes.count else {
            throw ImageError(.truncated, .file, "the file is shorter than its header says")
        }
        guard fileBytes == bytes.count else {
            throw ImageError(.badLayout, .file, "the file is longer than its header says")
        }
        let alignment = UInt32(ImageFormat.alignment)
        let aligned =
            (tensorOffset | planOffset | wordOffset | weightOffset) % alignment == 0
            && arenaBytes % ImageFormat.alignment == 0 && fileBytes % ImageFormat.alignment == 0
        guard aligned else {
            throw ImageError(.badLayout, .header, "sections, arena and file must be multiples of 64 bytes")
        }
        let inside =
            bytes.contains(tensorOffset, UInt64(tensorCount * ImageFormat.tensorRecordBytes))
            && bytes.contains(planOffset, UInt64(operationCount * ImageFormat.operationRecordBytes))
            && bytes.contains(wordOffset, UInt64(wordCount) * 4)
            && bytes.contains(stringOffset, UInt64(stringBytes)) && bytes.contains(weightOffset, 0)
        guard inside else {
            throw ImageError(.badLayout, .header, "a section reaches past the end of the file")
        }
        guard inputCount + outputCount <= wordCount else {
            throw ImageError(.badLayout, .header, "the list of inputs and outputs is cut short")
        }
    }
}

/// Reads an image in place. Once an initialiser has returned, every record is inside its section, every operand
/// exists and every operation's shapes fit: a kernel may trust them without checks of its own.
///
/// The reader keeps a pointer: the bytes must stay alive and unchanged for as long as the reader is used.
public struct ImageReader {
    let bytes: ImageBytes
    let header: ImageHeader

    /// Checks an image completely.
    ///
    /// - Parameters:
    ///   - buffer: The whole file, at an address that is a multiple of ``ImageFormat/alignment``.
    ///   - verifiesChecksum: False skips the checksum (for a caller that has just hashed the file). Everything that
    ///     memory safety rests on is checked either way.
    /// - Throws: ``ImageError`` naming the first fault.
    public init(_ buffer: UnsafeRawBufferPointer, verifiesChecksum: Bool = true) throws(ImageError) {
        guard let base = buffer.baseAddress else {
            throw ImageError(.truncated, .file, "the file is empty")
        }
        guard UInt(bitPattern: base) % UInt(ImageFormat.alignment) == 0 else {
            throw ImageError(.misaligned, .file, "place the image at an address that is a multiple of 64")
        }
        bytes = ImageBytes(base: base, count: buffer.count)
        header = try ImageHeader(bytes)
        try header.checkSections(bytes)
        if verifiesChecksum {
            guard bytes.checksum() == header.checksum else {
                throw ImageError(.checksumMismatch, .file, "the file is damaged; fetch it again")
            }
        }
        for index in 0..<header.tensorCount { try checkTensor(index) }
        for index in 0..<header.operationCount { try checkOperation(index) }
        try checkPorts()
    }

    /// Bytes of the image.
    public var imageBytes: Int { header.fileBytes }
    /// Bytes of working memory that a run needs, a multiple of ``ImageFormat/alignment``.
    public var arenaBytes: Int { header.arenaBytes }
    /// Entries of the tensor table.
    public var tensorCount: Int { header.tensorCount }
    /// Steps of the plan.
    public var operationCount: Int { header.operationCount }
    /// Inputs of the model.
    public var inputCount: Int { header.inputCount }
    /// Outputs of the model.
    public var outputCount: Int { header.outputCount }
    /// The start of the weights section.
    public var weights: UnsafeRawPointer { bytes.base + Int(header.weightOffset) }

    /// The tensor that is the model's input `port`, 0..<``inputCount``.
    public func input(_ port: Int) -> Int {
        precondition(port >= 0 && port < inputCount, "no such input")
        return Int(word(port))
    }

    /// The tensor that is the model's output `port`, 0..<``outputCount``.
    public func output(_ port: Int) -> Int {
        precondition(port >= 0 && port < outputCount, "no such output")
        return Int(word(inputCount + port))
    }

    /// The tensor of an operation's input `slot`; nil when an optional one is absent.
    public func input(_ slot: Int, of record: OperationRecord) -> Int? {
        guard slot >= 0, slot < record.inputCount else { return nil }
        let index = word(record.operandStart + slot)
        return index == ImageFormat.absentOperand ? nil : Int(index)
    }

    /// The tensor of an operation's output `slot`.
    public func output(_ slot: Int, of record: OperationRecord) -> Int {
        precondition(slot >= 0 && slot < record.outputCount, "no such output")
        return Int(word(record.operandStart + record.inputCount + slot))
    }

    /// The name of tensor `index`; empty when it has none. For people and the API's edge only.
    public func tensorName(_ index: Int) -> String {
        let record = tensorOffset(index)
        return name(bytes.word(record + 4), bytes.half(record + 8))
    }

    /// The name of operation `index`, usually that of the ONNX node; empty when it has none.
    public func operationName(_ index: Int) -> String {
        let record = operationOffset(index)
        return name(bytes.word(record + 32), bytes.half(record + 36))
    }

    func word(_ index: Int) -> UInt32 {
        bytes.word(Int(header.wordOffset) + 4 * index)
    }

    func tensorOffset(_ index: Int) -> Int {
        precondition(index >= 0 && index < tensorCount, "no such tensor")
        return Int(header.tensorOffset) + index * ImageFormat.tensorRecordBytes
    }

    func operationOffset(_ index: Int) -> Int {
        precondition(index >= 0 && index < operationCount, "no such operation")
        return Int(header.planOffset) + index * ImageFormat.operationRecordBytes
    }

    private func name(_ offset: UInt32, _ count: UInt16) -> String {
        let start = bytes.base + Int(header.stringOffset) + Int(offset)
        return String(decoding: UnsafeRawBufferPointer(start: start, count: Int(count)), as: UTF8.self)
    }
}
