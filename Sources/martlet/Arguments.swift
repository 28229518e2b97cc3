import ArgumentParser
import FleetClient
import FleetModel
import Foundation

/// Reading what people type.
enum Arguments {
    /// `key=value` pairs.
    static func pairs(_ texts: [String], option: String) throws -> [String: String] {
        var pairs: [String: String] = [:]
        for text in texts {
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                throw ValidationError("\(option) \(text): write key=value")
            }
            let key = String(text[..<equals])
            guard pairs[key] == nil else { throw ValidationError("\(option) gives '\(key)' twice") }
            pairs[key] = String(text[text.index(after: equals)...])
        }
        return pairs
    }

    /// `model:version`.
    static func version(_ text: String) throws -> VersionID {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let model = try? ModelName(String(parts[0])), let number = Int(parts[1]), number > 0
        else { throw ValidationError("'\(text)' is not a version: write model:number, such as shoulder:2") }
        return VersionID(model: model, number: number)
    }

    /// A value as JSON if it reads as a number, a flag, a list or an object, a text otherwise.
    static func json(_ text: String) -> JSONValue {
        if text.first == "[" || text.first == "{",
            let value = try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        {
            return value
        }
        if let number = Double(text) { return .number(number) }
        if text == "true" || text == "false" { return .bool(text == "true") }
        return .string(text)
    }

    /// A whole file.
    static func file(_ path: String) throws -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ValidationError("\(path) cannot be read")
        }
        return [UInt8](data)
    }
}

extension NameError {
    /// What is wrong with a name.
    static func describe(_ text: String) -> String {
        do {
            _ = try DeviceID(text)
            return ""
        } catch {
            return "\(error)"
        }
    }
}

/// Prints a document's fields, one a line.
enum Details {
    static func text(_ value: JSONValue) -> String { lines(value, indent: "").joined(separator: "\n") }

    private static func lines(_ value: JSONValue, indent: String) -> [String] {
        value.object.sorted { $0.key < $1.key }.flatMap { key, field -> [String] in
            switch field {
            case .object(let inner) where !inner.isEmpty:
                return ["\(indent)\(key):"] + lines(field, indent: indent + "  ")
            case .array(let items) where items.contains(where: { !$0.object.isEmpty }):
                return ["\(indent)\(key):"] + items.flatMap { ["\(indent)  -"] + lines($0, indent: indent + "    ") }
            default: return ["\(indent)\(key): \(field.cell)"]
            }
        }
    }
}
