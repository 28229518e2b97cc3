public import FleetModel
import Foundation
public import GRDB

// Rows of hot paths are read straight from their statement (`StatementColumnConvertible`): a `DatabaseValue` for every
// column costs more than the value.

extension Instant: Codable, DatabaseValueConvertible, StatementColumnConvertible {
    public init(sqliteStatement: SQLiteStatement, index: CInt) {
        self.init(milliseconds: Int64(sqliteStatement: sqliteStatement, index: index))
    }

    public var databaseValue: DatabaseValue { milliseconds.databaseValue }

    public static func fromDatabaseValue(_ value: DatabaseValue) -> Instant? {
        Int64.fromDatabaseValue(value).map(Instant.init(milliseconds:))
    }

    public init(from decoder: any Decoder) throws {
        self.init(milliseconds: try decoder.singleValueContainer().decode(Int64.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(milliseconds)
    }

    /// The wall clock, for the shells that feed cores.
    public static func now() -> Instant {
        Instant(milliseconds: Int64((Date().timeIntervalSince1970 * 1000).rounded(.down)))
    }
}

extension Interval: Codable, DatabaseValueConvertible, StatementColumnConvertible {
    public init(sqliteStatement: SQLiteStatement, index: CInt) {
        self.init(milliseconds: Int64(sqliteStatement: sqliteStatement, index: index))
    }

    public var databaseValue: DatabaseValue { milliseconds.databaseValue }

    public static func fromDatabaseValue(_ value: DatabaseValue) -> Interval? {
        Int64.fromDatabaseValue(value).map(Interval.init(milliseconds:))
    }

    public init(from decoder: any Decoder) throws {
        self.init(milliseconds: try decoder.singleValueContainer().decode(Int64.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(milliseconds)
    }
}

/// A BLOB of 32 bytes in a column, hexadecimal in JSON.
extension Digest: Codable, DatabaseValueConvertible, StatementColumnConvertible {
    public init?(sqliteStatement: SQLiteStatement, index: CInt) {
        self.init(blob: Data(sqliteStatement: sqliteStatement, index: index))
    }

    private init?(blob: Data) {
        guard let digest = blob.withUnsafeBytes({ Digest($0) }) else { return nil }
        self = digest
    }

    public var databaseValue: DatabaseValue { Data(bytes).databaseValue }

    public static func fromDatabaseValue(_ value: DatabaseValue) -> Digest? {
        Data.fromDatabaseValue(value).flatMap(Digest.init(blob:))
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let digest = Digest(hex: text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is no SHA-256")
        }
        self = digest
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(hex)
    }
}

extension ReleaseStage: Codable, DatabaseValueConvertible, StatementColumnConvertible {}
extension RolloutState: Codable, DatabaseValueConvertible, StatementColumnConvertible {}
extension RolloutDeviceState: Codable, DatabaseValueConvertible, StatementColumnConvertible {}
extension InstallPhase: Codable, DatabaseValueConvertible, StatementColumnConvertible {}
extension InstallFailure: Codable, DatabaseValueConvertible, StatementColumnConvertible {}
extension FrameKind: Codable, DatabaseValueConvertible, StatementColumnConvertible {}
