import FleetModel

/// Where and why a JSON value does not match its schema.
struct SchemaMismatch: Error, Hashable, Sendable, CustomStringConvertible {
    /// Path to the value, such as `waves[0].share`; empty for the document itself.
    var path: String
    var reason: String

    var description: String { path.isEmpty ? "The body \(reason)" : "'\(path)' \(reason)" }
}

extension Schema {
    /// Checks a value against the schema; throws at the first mismatch, depth first in the order of the fields.
    func check(_ value: JSONValue, at path: String = "") throws(SchemaMismatch) {
        switch self {
        case .anything: return
        case .component(let component): try component.schema.check(value, at: path)
        case .nullable(let schema):
            guard value != .null else { return }
            try schema.check(value, at: path)
        case .boolean:
            guard case .bool = value else { throw Self.wrongType("boolean", value, path) }
        case .integer(let minimum, let maximum):
            guard case .integer(let number) = value else { throw Self.wrongType("integer", value, path) }
            try Self.checkRange(Double(number), minimum.map(Double.init), maximum.map(Double.init), path)
        case .number(let minimum, let maximum):
            guard let number = value.numberValue else { throw Self.wrongType("number", value, path) }
            try Self.checkRange(number, minimum, maximum, path)
        case .string(let rule):
            guard case .string(let text) = value else { throw Self.wrongType("string", value, path) }
            try rule.check(text, at: path)
        case .array(let element, let limit):
            guard case .array(let elements) = value else { throw Self.wrongType("array", value, path) }
            try Self.checkCount(elements.count, limit, path)
            for (index, item) in elements.enumerated() { try element.check(item, at: "\(path)[\(index)]") }
        case .map(let element, let limit):
            guard case .object(let members) = value else { throw Self.wrongType("object", value, path) }
            try Self.checkCount(members.count, limit, path)
            for (key, item) in members { try element.check(item, at: Self.join(path, key)) }
        case .object(let fields):
            try Self.checkObject(value, fields, path)
        }
    }

    private static func checkObject(_ value: JSONValue, _ fields: [Field], _ path: String) throws(SchemaMismatch) {
        guard case .object(let members) = value else { throw wrongType("object", value, path) }
        let known = fields.map(\.name)
        for key in members.keys.sorted() where !known.contains(key) {
            throw SchemaMismatch(
                path: join(path, key), reason: "is unknown here; known fields: \(known.joined(separator: ", "))")
        }
        for field in fields {
            guard let member = members[field.name] else {
                guard !field.isRequired else {
                    throw SchemaMismatch(path: join(path, field.name), reason: "is missing")
                }
                continue
            }
            try field.schema.check(member, at: join(path, field.name))
        }
    }

    private static func checkRange(
        _ number: Double, _ minimum: Double?, _ maximum: Double?, _ path: String
    ) throws(SchemaMismatch) {
        if let minimum, number < minimum {
            throw SchemaMismatch(path: path, reason: "is \(number.plain); the least is \(minimum.plain)")
        }
        if let maximum, number > maximum {
            throw SchemaMismatch(path: path, reason: "is \(number.plain); the most is \(maximum.plain)")
        }
    }

    private static func checkCount(_ count: Int, _ limit: Int, _ path: String) throws(SchemaMismatch) {
        guard count > limit else { return }
        throw SchemaMismatch(path: path, reason: "has \(count) elements; the most is \(limit)")
    }

    private static func wrongType(_ expected: String, _ value: JSONValue, _ path: String) -> SchemaMismatch {
        SchemaMismatch(path: path, reason: "must be of type \(expected), not \(value.typeName)")
    }

    private static func join(_ path: String, _ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
}

extension Schema.StringRule {
    func check(_ text: String, at path: String) throws(SchemaMismatch) {
        if !choices.isEmpty, !choices.contains(text) {
            throw SchemaMismatch(path: path, reason: "must be one of \(choices.joined(separator: ", "))")
        }
        guard (minimumLength...maximumLength).contains(text.count) else {
            throw SchemaMismatch(
                path: path, reason: "must have \(minimumLength) to \(maximumLength) characters, not \(text.count)")
        }
        if isName, !DeviceID.isValid(text) {
            throw SchemaMismatch(path: path, reason: "is not a name: use 1 to 64 characters of A-Z a-z 0-9 _ -")
        }
        if format == "date-time", ISO8601.instant(text) == nil {
            throw SchemaMismatch(path: path, reason: "must be a time such as 2026-11-21T23:00:00.000Z")
        }
    }
}

extension Double {
    /// Without a trailing `.0`.
    var plain: String { self == rounded() && magnitude < 1e15 ? String(Int64(self)) : String(self) }
}
