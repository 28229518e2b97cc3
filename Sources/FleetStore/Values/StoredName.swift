public import FleetModel
public import GRDB

/// A checked name as a TEXT column and, in JSON, as a string.
public protocol StoredName: CheckedName, Codable, DatabaseValueConvertible, StatementColumnConvertible {}

extension StoredName {
    public var databaseValue: DatabaseValue { text.databaseValue }

    public static func fromDatabaseValue(_ value: DatabaseValue) -> Self? {
        String.fromDatabaseValue(value).flatMap { try? Self($0) }
    }

    public init?(sqliteStatement: SQLiteStatement, index: CInt) {
        try? self.init(String(sqliteStatement: sqliteStatement, index: index))
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        self = try Self(container.decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

extension DeviceID: StoredName {}
extension StationID: StoredName {}
extension ModelName: StoredName {}
extension ReleaseName: StoredName {}
extension SlotName: StoredName {}
extension KeyID: StoredName {}
