public import FleetModel
public import GRDB

/// A value with a text form that round-trips: a TEXT column and, in JSON, a string.
public protocol StoredText: Codable, DatabaseValueConvertible, StatementColumnConvertible {
    var storedText: String { get }
    init?(storedText: String)
}

extension StoredText {
    public var databaseValue: DatabaseValue { storedText.databaseValue }

    public static func fromDatabaseValue(_ value: DatabaseValue) -> Self? {
        String.fromDatabaseValue(value).flatMap(Self.init(storedText:))
    }

    public init?(sqliteStatement: SQLiteStatement, index: CInt) {
        self.init(storedText: String(sqliteStatement: sqliteStatement, index: index))
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = Self(storedText: text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is no \(Self.self)")
        }
        self = value
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(storedText)
    }
}

extension Selector: StoredText {
    public var storedText: String { description }
    public init?(storedText: String) {
        guard let selector = try? Selector(storedText) else { return nil }
        self = selector
    }
}

extension ActivationCondition: StoredText {
    /// `now`, `lotBoundary` or `window:START-END` in minutes after midnight at the device's site.
    public var storedText: String {
        switch self {
        case .now: "now"
        case .lotBoundary: "lotBoundary"
        case .window(let start, let end): "window:\(start)-\(end)"
        }
    }

    public init?(storedText: String) {
        switch storedText {
        case "now": self = .now
        case "lotBoundary": self = .lotBoundary
        default:
            guard storedText.hasPrefix("window:") else { return nil }
            let minutes = storedText.dropFirst("window:".count).split(separator: "-").compactMap { Int($0) }
            guard minutes.count == 2, minutes.allSatisfy((0..<1440).contains) else { return nil }
            self = .window(startMinute: minutes[0], endMinute: minutes[1])
        }
    }
}
