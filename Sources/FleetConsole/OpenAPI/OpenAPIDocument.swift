import FleetStore
import HTTPTypes

/// The OpenAPI 3.1 document of a route table (https://spec.openapis.org/oas/v3.1.0).
struct OpenAPIDocument {
    /// The API's version: rises when something that a client relies on changes.
    static let version = "1.0.0"

    let table: RouteTable

    var json: JSONValue {
        var paths: [String: JSONValue] = [:]
        for path in table.paths {
            var operations: [String: JSONValue] = [:]
            for endpoint in table.endpoints(at: path) {
                operations[endpoint.method.rawValue.lowercased()] = operation(endpoint)
            }
            paths[path] = .object(operations)
        }
        var schemas: [String: JSONValue] = ["Error": Self.errorSchema.openAPI]
        for component in Component.allCases { schemas[component.rawValue] = component.schema.openAPI }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Martlet", "version": .string(Self.version),
                "summary": "Machine-learning models on fleets of edge devices",
                "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
            ],
            "tags": .array(tags.map { ["name": .string($0)] }),
            "paths": .object(paths),
            "components": [
                "schemas": .object(schemas),
                "securitySchemes": [
                    "token": ["type": "http", "scheme": "bearer"],
                    "session": ["type": "apiKey", "in": "cookie", "name": .string(ConsoleCore.sessionCookie)],
                ],
            ],
        ]
    }

    private var tags: [String] {
        var seen: Set<String> = []
        return table.endpoints.map(\.tag).filter { seen.insert($0).inserted }
    }

    static let errorSchema = Schema.object([
        .required(
            "error",
            .object([
                .required("code", .text, "Stable, for programs"), .required("message", .text, "What happened"),
                .required("hint", .text, "What to do about it"),
            ]))
    ])

    private func operation(_ endpoint: Endpoint) -> JSONValue {
        var members: [String: JSONValue] = [
            "operationId": .string(endpoint.operationID), "summary": .string(endpoint.summary),
            "tags": [.string(endpoint.tag)], "responses": responses(endpoint),
        ]
        if endpoint.access == .open {
            members["security"] = .array([])
        } else {
            members["security"] = [["token": []], ["session": []]]
            let roles = endpoint.access.roles.map(\.rawValue).joined(separator: ", ")
            members["description"] = .string("Roles: \(roles).")
        }
        if !endpoint.parameters.isEmpty { members["parameters"] = .array(endpoint.parameters.map(\.openAPI)) }
        members["requestBody"] = requestBody(endpoint)
        return .object(members)
    }

    private func requestBody(_ endpoint: Endpoint) -> JSONValue? {
        var content: [String: JSONValue] = [:]
        var isRequired = true
        switch endpoint.body {
        case .none: return nil
        case .json(let schema, _):
            content["application/json"] = ["schema": schema.openAPI]
            isRequired = !schema.isOptional
        case .bytes(let types, _):
            for type in types { content[type] = Self.binary }
        case .jsonOrBytes(let schema, _, let type, _):
            content = ["application/json": ["schema": schema.openAPI], type: Self.binary]
        }
        return ["required": .bool(isRequired), "content": .object(content)]
    }

    private static let binary: JSONValue = ["schema": ["type": "string", "format": "binary"]]

    private func responses(_ endpoint: Endpoint) -> JSONValue {
        let error: JSONValue = [
            "description": "Refused",
            "content": ["application/json": ["schema": ["$ref": "#/components/schemas/Error"]]],
        ]
        var success: [String: JSONValue] = ["description": .string(endpoint.reply.status.reasonPhrase)]
        switch endpoint.reply {
        case .json(let schema, _): success["content"] = ["application/json": ["schema": schema.openAPI]]
        case .text(let type), .bytes(let type):
            success["content"] = .object([type: ["schema": ["type": "string"]]])
        case .eventStream: success["content"] = ["text/event-stream": ["schema": ["type": "string"]]]
        case .empty: break
        }
        return .object([String(endpoint.reply.status.code): .object(success), "4XX": error, "5XX": error])
    }
}

extension Endpoint {
    /// Unique, made of method and path: `getDevicesId`.
    var operationID: String {
        let words = path.split { !$0.isLetter && !$0.isNumber }.filter { $0 != "api" && $0 != "v1" }
        return method.rawValue.lowercased() + words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }
}

extension Parameter {
    var openAPI: JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(name), "in": .string(place.rawValue), "required": .bool(place == .path),
            "schema": schema.openAPI,
        ]
        if !summary.isEmpty { members["description"] = .string(summary) }
        return .object(members)
    }
}
