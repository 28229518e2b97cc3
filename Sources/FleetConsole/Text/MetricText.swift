import FleetModel
import Foundation

/// Metrics and parameters, which trainers write as JSON objects, as names with values.
enum MetricText {
    /// The accuracy to show first: the promise on held-back groups, or else the plain one.
    static func accuracy(_ json: String) -> String? {
        let members = object(json)
        for key in ["promisedAccuracy", "promise", "groupAccuracy", "accuracy", "validationAccuracy"] {
            if let value = members[key]?.numberValue { return Format.percent(value) }
        }
        return nil
    }

    /// Numbers and texts of an object, nested names joined by dots, in order.
    static func facts(_ json: String) -> [FactView] { facts(.object(object(json)), prefix: "") }

    static func object(_ json: String) -> [String: JSONValue] {
        guard let value = try? JSONDecoder().decode(JSONValue.self, from: Data(json.utf8)) else { return [:] }
        return value.members
    }

    private static func facts(_ value: JSONValue, prefix: String) -> [FactView] {
        switch value {
        case .object(let members):
            members.sorted { $0.key < $1.key }.flatMap { key, member in
                facts(member, prefix: prefix.isEmpty ? key : "\(prefix).\(key)")
            }
        case .array(let elements):
            [FactView(name: prefix, value: elements.prefix(12).map(plain).joined(separator: ", "))]
        case .null, .bool, .integer, .number, .string: [FactView(name: prefix, value: plain(value))]
        }
    }

    private static func plain(_ value: JSONValue) -> String {
        switch value {
        case .null: "–"
        case .bool(let value): value ? "yes" : "no"
        case .integer(let value): String(value)
        case .number(let value):
            value.magnitude >= 0.001 && value.magnitude < 1e6 ? Format.decimal(value, 4) : "\(value)"
        case .string(let text): text
        case .array(let elements): "[\(elements.map(plain).joined(separator: ", "))]"
        case .object: "{…}"
        }
    }
}
