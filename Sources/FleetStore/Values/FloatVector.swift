public import Foundation
public import GRDB

/// A run of 32-bit floats as a BLOB, little-endian, four bytes each: frames and scores.
public struct FloatVector: Hashable, Sendable, Codable, DatabaseValueConvertible, ExpressibleByArrayLiteral {
    public var values: [Float]

    public init(_ values: [Float]) { self.values = values }
    public init(arrayLiteral elements: Float...) { values = elements }

    public init(from decoder: any Decoder) throws {
        values = try decoder.singleValueContainer().decode([Float].self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(values)
    }

    /// The stored bytes.
    public var data: Data {
        var data = Data(capacity: values.count * 4)
        for value in values {
            withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) }
        }
        return data
    }

    /// Reads stored bytes; nil if their count is no multiple of four.
    public init?(data: Data) {
        guard data.count.isMultiple(of: 4) else { return nil }
        values = data.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { index in
                Float(
                    bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
            }
        }
    }

    public var databaseValue: DatabaseValue { data.databaseValue }

    public static func fromDatabaseValue(_ value: DatabaseValue) -> FloatVector? {
        Data.fromDatabaseValue(value).flatMap(FloatVector.init(data:))
    }
}
