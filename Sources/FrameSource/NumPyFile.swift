/// A two-dimensional NumPy array, format version 1 to 3 (numpy.lib.format), little-endian, in C or
/// Fortran order.
struct NumPyFile {
    let rows: Int
    let columns: Int
    private let bytes: [UInt8]
    private let dataOffset: Int
    private let element: Element
    private let isFortranOrder: Bool

    private enum Element: String {
        case int16 = "<i2"
        case int32 = "<i4"
        case float32 = "<f4"
        case float64 = "<f8"
        case uint8 = "|u1"

        var byteCount: Int {
            switch self {
            case .uint8: 1
            case .int16: 2
            case .int32, .float32: 4
            case .float64: 8
            }
        }
    }

    init(_ bytes: [UInt8], file: String) throws(FrameSourceError) {
        func refuse(_ message: String) -> FrameSourceError { FrameSourceError(file: file, message: message) }
        guard bytes.count >= 12, bytes.starts(with: [0x93] + Array("NUMPY".utf8)) else {
            throw refuse("is not a NumPy file")
        }
        let isOld = bytes[6] == 1
        let headerStart = isOld ? 10 : 12
        let headerBytes =
            isOld
            ? Int(bytes[8]) | Int(bytes[9]) << 8
            : (0..<4).reduce(0) { $0 | Int(bytes[8 + $1]) << (8 * $1) }
        guard headerBytes <= bytes.count - headerStart else { throw refuse("its header is cut off") }
        let header = String(decoding: bytes[headerStart..<headerStart + headerBytes], as: UTF8.self)
        guard let type = Self.quoted(after: "'descr':", in: header), let element = Element(rawValue: type) else {
            throw refuse("holds elements other than int16, int32, uint8, float32 or float64")
        }
        let shape = Self.shape(in: header)
        guard (1...2).contains(shape.count) else { throw refuse("must have one or two dimensions") }
        let columns = shape.count == 2 ? shape[1] : 1
        let (values, overflow) = shape[0].multipliedReportingOverflow(by: columns)
        dataOffset = headerStart + headerBytes
        guard !overflow, values <= (bytes.count - dataOffset) / element.byteCount else { throw refuse("is cut off") }
        self.rows = shape[0]
        self.columns = columns
        self.bytes = bytes
        isFortranOrder = header.contains("'fortran_order': True")
        self.element = element
    }

    /// Rows `range`, row by row.
    func values(rows range: Range<Int>) -> [Float] {
        var values: [Float] = []
        values.reserveCapacity(range.count * columns)
        for row in range {
            for column in 0..<columns {
                values.append(value(at: isFortranOrder ? column * rows + row : row * columns + column))
            }
        }
        return values
    }

    private func value(at index: Int) -> Float {
        bytes.withUnsafeBytes { raw in
            let offset = dataOffset + index * element.byteCount
            return switch element {
            case .uint8: Float(raw[offset])
            case .int16: Float(Int16(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: Int16.self)))
            case .int32: Float(Int32(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: Int32.self)))
            case .float32: Float(bitPattern: raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            case .float64: Float(Double(bitPattern: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            }
        }
    }

    private static func quoted(after key: String, in header: String) -> String? {
        let parts = header.components(after: key)
        return parts.split(separator: "'", omittingEmptySubsequences: false).dropFirst().first.map(String.init)
    }

    private static func shape(in header: String) -> [Int] {
        let rest = header.components(after: "'shape':")
        guard let open = rest.firstIndex(of: "("), let close = rest.firstIndex(of: ")"), open < close else { return [] }
        return rest[rest.index(after: open)..<close].split(separator: ",")
            .compactMap { Int($0.filter { $0 != " " }) }.filter { $0 >= 0 }
    }
}

extension String {
    /// What follows the first occurrence of `key`, or nothing.
    fileprivate func components(after key: String) -> Substring {
        guard let range = self.firstRange(of: key) else { return "" }
        return self[range.upperBound...]
    }
}
