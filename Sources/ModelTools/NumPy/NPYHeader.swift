/// The head of a NumPy file, versions 1.0 to 3.0
/// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html): element type, order and shape.
public struct NPYHeader: Hashable, Sendable {
    /// Bytes of a header's text, at most; NumPy itself stops at 10,000.
    public static let textLimit = 1 << 16
    /// Axes of an array, at most; NumPy has 64.
    public static let rankLimit = 64
    /// Bytes that tell how long the head is: magic number, version, length.
    static let prefixBytes = 12

    /// The type of the elements.
    public let type: NPYType
    /// True when the elements' bytes lie most significant first.
    public let isBigEndian: Bool
    /// True when the first axis runs fastest.
    public let isFortranOrder: Bool
    /// The extent of each axis; empty for a scalar.
    public let shape: [Int]

    /// A header of little-endian elements in row-major order.
    public init(type: NPYType, shape: [Int]) {
        self.type = type
        self.shape = shape
        isBigEndian = false
        isFortranOrder = false
    }

    /// The number of elements; nil when it does not fit an `Int`.
    public var elementCount: Int? {
        var count = 1
        for extent in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard !overflow else { return nil }
            count = product
        }
        return count
    }

    // MARK: Reading

    /// The offset of the first element, told by a file's first ``prefixBytes`` bytes (10 are enough for version 1).
    static func length(_ prefix: some Collection<UInt8>) throws(ModelToolsError) -> (head: Int, text: Int) {
        let bytes = Array(prefix.prefix(prefixBytes))
        guard bytes.count >= 10, bytes.starts(with: [0x93] + Array("NUMPY".utf8)) else {
            throw ModelToolsError(.format, "it is not a NumPy file (.npy); write one with numpy.save")
        }
        guard (1...3).contains(bytes[6]), bytes[6] == 1 || bytes.count >= 12 else {
            throw ModelToolsError(.format, "it is of NumPy's format version \(bytes[6]); versions 1 to 3 are read")
        }
        let width = bytes[6] == 1 ? 2 : 4
        let count = (0..<width).reduce(0) { $0 | Int(bytes[8 + $1]) << (8 * $1) }
        guard count <= textLimit else {
            throw ModelToolsError(.format, "its header has \(count) bytes; at most \(textLimit) are read")
        }
        return (8 + width, count)
    }

    /// Reads the header's text: a Python dictionary of `descr`, `fortran_order` and `shape`.
    init(text: some Collection<UInt8>) throws(ModelToolsError) {
        var reader = PythonLiteralReader(Array(text))
        guard let fields = reader.dictionary(), let order = fields["fortran_order"]?.flag,
            let shape = fields["shape"]?.numbers, let descriptor = fields["descr"]
        else { throw ModelToolsError(.format, "its header is damaged; write it again with numpy.save") }
        guard case .text(let name) = descriptor else {
            throw ModelToolsError(.format, "it holds records; save one field with numpy.save(path, array['field'])")
        }
        guard let type = NPYType(rawValue: String(name.drop { "<>=|".contains($0) })) else {
            throw ModelToolsError(
                .format, "it holds elements of type '\(name)'; a model takes bool, integers and floats of 1 to 8 bytes")
        }
        guard shape.count <= Self.rankLimit else {
            throw ModelToolsError(.format, "it has \(shape.count) axes; at most \(Self.rankLimit) are read")
        }
        self.type = type
        self.shape = shape
        isBigEndian = name.hasPrefix(">") && type.size > 1
        isFortranOrder = order
    }

    // MARK: Writing

    /// The bytes before the elements: version 1.0, the length a multiple of 64.
    var encoded: [UInt8] {
        let extents = shape.map { "\($0)," }.joined(separator: " ")
        let tuple = "(\(shape.count == 1 ? extents : String(extents.dropLast())))"
        let dictionary = "{'descr': '\(type.descriptor)', 'fortran_order': False, 'shape': \(tuple), }"
        let length = (10 + dictionary.utf8.count + 1 + 63) / 64 * 64 - 10
        let padding = String(repeating: " ", count: length - dictionary.utf8.count - 1)
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 255), UInt8(length >> 8)]
            + Array((dictionary + padding + "\n").utf8)
    }
}

/// Reads the one dictionary that a NumPy header is: texts, flags, and tuples or lists of whole numbers.
struct PythonLiteralReader {
    enum Value: Hashable {
        case text(String)
        case flag(Bool)
        case numbers([Int])
        /// A list of something else, such as the fields of a record.
        case other

        var flag: Bool? { if case .flag(let flag) = self { flag } else { nil } }
        var numbers: [Int]? { if case .numbers(let numbers) = self { numbers } else { nil } }
    }

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The dictionary, or nil if the text is none.
    mutating func dictionary() -> [String: Value]? {
        guard take("{") else { return nil }
        var fields: [String: Value] = [:]
        while !take("}") {
            guard let key = text(), take(":"), let value = value() else { return nil }
            fields[key] = value
            guard take(",") || peek() == UInt8(ascii: "}") else { return nil }
        }
        return fields
    }

    private mutating func value() -> Value? {
        switch peek() {
        case UInt8(ascii: "'"), UInt8(ascii: "\""): return text().map { .text($0) }
        case UInt8(ascii: "("): return numbers(closing: ")")
        case UInt8(ascii: "["): return skipList() ? .other : nil
        default:
            if word("True") { return .flag(true) }
            return word("False") ? .flag(false) : nil
        }
    }

    private mutating func numbers(closing: Character) -> Value? {
        guard take("(") else { return nil }
        var numbers: [Int] = []
        while !take(closing) {
            guard let number = number() else { return nil }
            numbers.append(number)
            guard take(",") || peek() == closing.asciiValue else { return nil }
        }
        return .numbers(numbers)
    }

    private mutating func number() -> Int? {
        skipSpace()
        let start = position
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
        // Python 2 wrote long integers with an L.
        defer { _ = take("L") }
        return Int(String(decoding: bytes[start..<position], as: UTF8.self))
    }

    private mutating func text() -> String? {
        guard let quote = peek(), quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else { return nil }
        position += 1
        guard let end = bytes[position...].firstIndex(of: quote) else { return nil }
        defer { position = end + 1 }
        return String(decoding: bytes[position..<end], as: UTF8.self)
    }

    private mutating func skipList() -> Bool {
        var depth = 0
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "]"): depth -= 1
            default: break
            }
            position += 1
            if depth == 0 { return true }
        }
        return false
    }

    private mutating func word(_ word: String) -> Bool {
        skipSpace()
        guard bytes[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }

    private mutating func take(_ character: Character) -> Bool {
        guard peek() == character.asciiValue else { return false }
        position += 1
        return true
    }

    private mutating func peek() -> UInt8? {
        skipSpace()
        return position < bytes.count ? bytes[position] : nil
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    }
}
