import FleetController
import HTTPTypes
import Hummingbird

/// One operation of the HTTP API: what registers the route also writes the OpenAPI document.
struct Endpoint: Sendable {
    var method: HTTPRequest.Method
    /// Such as `/api/v1/devices/{id}`.
    var path: String
    /// The section of the document.
    var tag: String
    var summary: String
    var access: Access
    var parameters: [Parameter] = []
    var body: Body = .none
    var reply: Reply
    var handle: @Sendable (APIRequest) async throws -> Response

    /// What a request carries.
    enum Body: Sendable {
        case none
        /// A JSON document that matches the schema, at most `limit` bytes.
        case json(Schema, limit: Int = ConsoleLimits.jsonBody)
        /// Any of these media types, read by the handler, at most `limit` bytes.
        case bytes([String], limit: Int)
        /// A JSON document that matches the schema, or bytes of this media type, each with its limit in bytes.
        case jsonOrBytes(Schema, jsonLimit: Int, String, limit: ConfiguredLimit)
    }

    /// A bound in bytes that a setting decides.
    struct ConfiguredLimit: Sendable {
        var bytes: @Sendable (ControllerConfiguration) -> Int
        /// The setting's name.
        var setting: String
    }

    /// What a request gets when all is well.
    enum Reply: Sendable {
        case json(Schema, HTTPResponse.Status = .ok)
        case text(String)
        case bytes(String)
        case eventStream
        case empty

        var status: HTTPResponse.Status {
            switch self {
            case .json(_, let status): status
            case .text, .bytes, .eventStream: .ok
            case .empty: .noContent
            }
        }
    }
}

/// A parameter in the path or in the query.
struct Parameter: Hashable, Sendable {
    enum Place: String, Hashable, Sendable { case path, query }

    var name: String
    var place: Place
    var schema: Schema
    var summary: String

    static func path(_ name: String, _ schema: Schema = .name, _ summary: String = "") -> Parameter {
        Parameter(name: name, place: .path, schema: schema, summary: summary)
    }

    static func query(_ name: String, _ schema: Schema = .text, _ summary: String = "") -> Parameter {
        Parameter(name: name, place: .query, schema: schema, summary: summary)
    }

    /// How many items a page has.
    static let limit = Parameter.query(
        "limit", .integer(minimum: 1, maximum: Int64(ConsoleLimits.pageItemsMaximum)), "Items in the page")
    /// Where the page starts.
    static let cursor = Parameter.query("cursor", .text, "The `next` of the page before")

    /// Checks and converts the text of a parameter.
    func value(_ text: String) throws(SchemaMismatch) -> JSONValue {
        let value: JSONValue =
            switch schema {
            case .integer: Int64(text).map(JSONValue.integer) ?? .string(text)
            case .number: Double(text).map(JSONValue.number) ?? .string(text)
            case .boolean: Bool(text).map(JSONValue.bool) ?? .string(text)
            default: .string(text)
            }
        try schema.check(value, at: name)
        return value
    }
}
