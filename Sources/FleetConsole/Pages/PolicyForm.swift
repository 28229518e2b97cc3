import FleetController
import FleetStore
import Foundation
import Hummingbird

/// A policy's most asked-for fields as a form. What the form does not show (a rollout's waves, gates, a trainer's
/// parameters) stays in the document as it was.
enum PolicyForm {
    /// A field of the document.
    struct Field: Sendable {
        enum Kind: Sendable {
            case text
            case whole(ClosedRange<Int64>)
            case share
            case choice([String])
            /// `on` or `off`, true or false in the document.
            case toggle
        }

        /// Where in the document; a trigger's object comes and goes with its field.
        var path: [String]
        var label: String
        var hint = ""
        var kind: Kind
        var isRequired = false
        /// What a trigger that does not name the value means.
        var usual: String?

        var name: String { path.joined(separator: ".") }
        /// The trigger that the field switches on: `triggers.drift` of `triggers.drift.devices`.
        var trigger: [String]? { path.count == 3 ? Array(path.dropLast()) : nil }
    }

    /// What the template shows of a form.
    struct View {
        struct Input {
            var id: String
            var name: String
            var label: String
            var hint: String?
            var value: String
            var isRequired: Bool
            var isText: Bool
            var isNumber: Bool
            var minimum: String
            var maximum: String
            var step: String
            var isChoice: Bool
            var choices: [ChoiceView]
        }

        var kind: String
        /// nil for a new policy, which needs a name.
        var policy: String?
        var prefix: String
        var inputs: [Input]
    }

    static let onOff = ["on", "off"]
    private static let day: Int64 = 86_400

    /// Switches a retrain policy; not part of its document.
    private static let enabled = Field(path: ["enabled"], label: "Followed", kind: .toggle)

    static func fields(_ kind: PolicyKind) -> [Field] {
        switch kind {
        case .retrain:
            [
                Field(path: ["model"], label: "Model", kind: .text, isRequired: true),
                Field(
                    path: ["triggers", "drift", "devices"], label: "On drift of devices",
                    hint: "So many of one group; empty: never", kind: .whole(1...100_000), usual: "1"),
                Field(
                    path: ["triggers", "accuracy", "labels"], label: "On a broken promise, from annotations",
                    hint: "So many needed to judge; empty: never", kind: .whole(1...1_000_000), usual: "30"),
                Field(
                    path: ["triggers", "annotations", "count"], label: "On new annotations",
                    hint: "So many; empty: never", kind: .whole(1...1_000_000)),
                Field(
                    path: ["triggers", "schedule", "everySeconds"], label: "Every so many seconds",
                    hint: "Empty: never", kind: .whole(1...(366 * day))),
                Field(path: ["require"], label: "Start when", hint: "Of these", kind: .choice(["any", "all"])),
                Field(
                    path: ["cooldownSeconds"], label: "Rest after a run, seconds", hint: "Empty: 3600",
                    kind: .whole(0...(366 * day))),
                enabled,
            ]
        case .sampling:
            [
                Field(
                    path: ["selector"], label: "Devices", hint: "* for all, or tags such as side=L", kind: .text,
                    isRequired: true),
                Field(path: ["enabled"], label: "Send samples", kind: .toggle),
                Field(path: ["floor"], label: "Chance of the surest frame", hint: "0 to 1", kind: .share),
                Field(path: ["slope"], label: "More for unsure ones", hint: "0 to 1", kind: .share),
                Field(
                    path: ["bytesPerDay"], label: "Bytes a day", hint: "Of samples, each device",
                    kind: .whole(0...Int64(Int32.max))),
                Field(path: ["reportSeconds"], label: "Report every, seconds", kind: .whole(1...day)),
            ]
        }
    }

    // MARK: - Showing

    static func view(_ kind: PolicyKind, _ record: PolicyRecord?) -> View {
        let document = record.flatMap { try? JSONValue(text: $0.document) } ?? .object([:])
        let prefix = "\(kind.rawValue)-\(record?.name ?? "new")"
        let inputs = fields(kind).map { field -> View.Input in
            let isSwitch = kind == .retrain && field.name == enabled.name
            let value = isSwitch ? onOff[record?.enabled == false ? 1 : 0] : value(of: field, in: document)
            return input(field, value, prefix)
        }
        return View(kind: kind.rawValue, policy: record?.name, prefix: prefix, inputs: inputs)
    }

    private static func value(of field: Field, in document: JSONValue) -> String {
        if let trigger = field.trigger, document.member(at: trigger) == nil { return "" }
        switch document.member(at: field.path) {
        case .string(let text)?: return text
        case .integer(let number)?: return "\(number)"
        case .number(let number)?: return "\(number)"
        case .bool(let value)?: return onOff[value ? 0 : 1]
        default:
            if case .toggle = field.kind { return onOff[0] }
            return field.usual ?? ""
        }
    }

    private static func input(_ field: Field, _ value: String, _ prefix: String) -> View.Input {
        var input = View.Input(
            id: "\(prefix)-\(field.name)", name: field.name, label: field.label,
            hint: field.hint.isEmpty ? nil : field.hint,
            value: value,
            isRequired: field.isRequired, isText: false, isNumber: false, minimum: "", maximum: "", step: "1",
            isChoice: false, choices: [])
        switch field.kind {
        case .text: input.isText = true
        case .whole(let range):
            input.isNumber = true
            (input.minimum, input.maximum) = ("\(range.lowerBound)", "\(range.upperBound)")
        case .share:
            input.isNumber = true
            (input.minimum, input.maximum, input.step) = ("0", "1", "any")
        case .choice(let names):
            input.isChoice = true
            input.choices = names.map { ChoiceView(value: $0, name: $0, isChosen: $0 == value) }
        case .toggle:
            input.isChoice = true
            input.choices = onOff.map { ChoiceView(value: $0, name: $0, isChosen: $0 == value) }
        }
        return input
    }

    // MARK: - Taking

    static func save(_ call: PageRequest) async throws -> Response {
        guard let kind = PolicyKind(rawValue: call.form["kind"] ?? "") else {
            throw APIError.badRequest("invalid", "There is no such kind of policy.", hint: "Go back and choose one.")
        }
        let name = call.form["policy"] ?? ""
        let old = try await call.queries.policy(name)
        if let old, old.kind != kind {
            throw APIError.badRequest(
                "invalid", "'\(name)' is a \(old.kind.rawValue) policy.", hint: "Go back and give another name.")
        }
        var document = try old.map { try JSONValue(text: $0.document) } ?? .object([:])
        var isEnabled = true
        for field in fields(kind) {
            let value = try value(of: field, call.form[field.name] ?? "")
            if kind == .retrain, field.name == enabled.name {
                isEnabled = value != .bool(false)
            } else if let value {
                document.set(value, at: field.path[...])
            } else {
                document.set(nil, at: (field.trigger ?? field.path)[...])
            }
        }
        _ = try await call.controller.policies.put(
            name, kind: kind, document: try document.encodedText(), enabled: isEnabled, by: call.identity)
        return call.redirect(to: "/settings")
    }

    /// What a field's text means; nil if it was left empty.
    static func value(of field: Field, _ text: String) throws -> JSONValue? {
        let text = text.trimmingCharacters(in: .whitespaces)
        if text.isEmpty, !field.isRequired { return nil }
        func refuse(_ reason: String) -> APIError {
            APIError.badRequest("invalid", "'\(field.label)' \(reason).", hint: "Go back and correct it.")
        }
        switch field.kind {
        case .text:
            guard !text.isEmpty else { throw refuse("is missing") }
            return .string(text)
        case .whole(let range):
            guard let number = Int64(text), range.contains(number) else {
                throw refuse("is a whole number between \(range.lowerBound) and \(range.upperBound)")
            }
            return .integer(number)
        case .share:
            guard let number = Double(text), (0...1).contains(number) else {
                throw refuse("is a number between 0 and 1")
            }
            return .number(number)
        case .choice(let names):
            guard names.contains(text) else { throw refuse("is one of \(names.joined(separator: ", "))") }
            return .string(text)
        case .toggle:
            guard onOff.contains(text) else { throw refuse("is on or off") }
            return .bool(text == "on")
        }
    }
}

extension JSONValue {
    /// Reads a document.
    init(text: String) throws { self = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)) }

    /// The member at the end of a path of names.
    func member(at path: [String]) -> JSONValue? {
        path.reduce(Optional(self)) { value, name in value?[name] }
    }

    /// Sets or removes the member at the end of a path, making the objects on its way.
    mutating func set(_ value: JSONValue?, at path: ArraySlice<String>) {
        guard let name = path.first else { return }
        var members = members
        if path.count == 1 {
            members[name] = value
        } else {
            var inner = members[name] ?? .object([:])
            if value == nil, members[name] == nil { return }
            inner.set(value, at: path.dropFirst())
            members[name] = inner
        }
        self = .object(members)
    }
}
