extension Schema {
    /// The schema as JSON Schema 2020-12, the dialect of OpenAPI 3.1.
    var openAPI: JSONValue {
        switch self {
        case .anything: .object([:])
        case .component(let component): ["$ref": .string("#/components/schemas/\(component.rawValue)")]
        case .nullable(let schema): ["anyOf": [schema.openAPI, ["type": "null"]]]
        case .boolean: ["type": "boolean"]
        case .integer(let minimum, let maximum):
            Self.bounded("integer", minimum.map(JSONValue.integer), maximum.map(JSONValue.integer))
        case .number(let minimum, let maximum):
            Self.bounded("number", minimum.map(JSONValue.number), maximum.map(JSONValue.number))
        case .string(let rule): rule.openAPI
        case .array(let element, let limit):
            ["type": "array", "items": element.openAPI, "maxItems": .integer(Int64(limit))]
        case .map(let element, let limit):
            ["type": "object", "additionalProperties": element.openAPI, "maxProperties": .integer(Int64(limit))]
        case .object(let fields): Self.object(fields)
        }
    }

    private static func bounded(_ type: String, _ minimum: JSONValue?, _ maximum: JSONValue?) -> JSONValue {
        var members: [String: JSONValue] = ["type": .string(type)]
        members["minimum"] = minimum
        members["maximum"] = maximum
        return .object(members)
    }

    private static func object(_ fields: [Field]) -> JSONValue {
        var properties: [String: JSONValue] = [:]
        for field in fields {
            var schema = field.schema.openAPI
            if !field.summary.isEmpty, case .object(var members) = schema {
                members["description"] = .string(field.summary)
                schema = .object(members)
            }
            properties[field.name] = schema
        }
        return [
            "type": "object", "properties": .object(properties), "additionalProperties": false,
            "required": .array(fields.filter(\.isRequired).map { .string($0.name) }),
        ]
    }
}

extension Schema.StringRule {
    var openAPI: JSONValue {
        var members: [String: JSONValue] = ["type": "string"]
        if let format { members["format"] = .string(format) }
        if !choices.isEmpty { members["enum"] = .array(choices.map(JSONValue.string)) }
        if minimumLength > 0 { members["minLength"] = .integer(Int64(minimumLength)) }
        if maximumLength != Schema.textLimit { members["maxLength"] = .integer(Int64(maximumLength)) }
        if isName { members["pattern"] = "^[A-Za-z0-9_-]{1,64}$" }
        return .object(members)
    }
}
