import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// What the HTTP API answers when it refuses: `{"error": {"code", "message", "hint"}}`.
struct APIError: Error, Hashable, Sendable, CustomStringConvertible {
    var status: HTTPResponse.Status
    /// Stable, for programs.
    var code: String
    /// What happened.
    var message: String
    /// What to do about it.
    var hint: String
    /// Sent along, such as `Allow` or `Retry-After`.
    var headers: HTTPFields = [:]

    init(_ status: HTTPResponse.Status, _ code: String, _ message: String, hint: String, headers: HTTPFields = [:]) {
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.headers = headers
    }

    var description: String { "\(status.code) \(code): \(message)" }

    /// The JSON answer.
    func response() -> Response {
        let document: JSONValue = [
            "error": ["code": .string(code), "message": .string(message), "hint": .string(hint)]
        ]
        var response = Response.json(document, status: status)
        response.headers.append(contentsOf: headers)
        return response
    }
}

extension APIError {
    static func badRequest(_ code: String, _ message: String, hint: String) -> APIError {
        APIError(.badRequest, code, message, hint: hint)
    }

    /// The body, a parameter or a header does not match what the OpenAPI document says.
    static func invalid(_ mismatch: SchemaMismatch) -> APIError {
        badRequest("invalid", "\(mismatch).", hint: "See the schema of this operation in /openapi.json.")
    }

    static func notFound(_ what: String, _ name: String) -> APIError {
        APIError(
            .notFound, "notFound", "There is no \(what) '\(name)'.",
            hint: "Names are case-sensitive; list what there is with GET on the collection.")
    }

    static let unauthenticated = APIError(
        .unauthorized, "unauthenticated", "This needs a valid token.",
        hint: "Send 'Authorization: Bearer TOKEN'; an admin makes tokens with 'martlet token create'.",
        headers: [.wwwAuthenticate: "Bearer realm=\"martlet\""])

    static func forbidden(_ role: String, _ allowed: [String]) -> APIError {
        APIError(
            .forbidden, "forbidden", "The role '\(role)' may not do this.",
            hint: "It takes one of: \(allowed.joined(separator: ", ")).")
    }

    static let forged = APIError(
        .forbidden, "csrf", "The request does not carry this session's form token.",
        hint: "Reload the page and try again; scripts should use a bearer token, not a cookie.")

    static func methodNotAllowed(_ method: String, allowed: [String]) -> APIError {
        APIError(
            .methodNotAllowed, "methodNotAllowed", "\(method) is not offered here.",
            hint: "Offered: \(allowed.joined(separator: ", ")).",
            headers: [.allow: allowed.joined(separator: ", ")])
    }

    static func tooLarge(_ limit: Int, setting: String? = nil) -> APIError {
        APIError(
            .contentTooLarge, "tooLarge", "The body is larger than the limit of \(limit) bytes.",
            hint: setting.map { "Raise \($0) of the controller." }
                ?? "Send it in smaller parts; a model as application/octet-stream.")
    }

    static func conflict(_ message: String, hint: String) -> APIError {
        APIError(.conflict, "conflict", message, hint: hint)
    }

    static let `internal` = APIError(
        .internalServerError, "internal", "The controller failed to do this.",
        hint: "Its log says why; nothing was half done.")
}

extension Response {
    /// A JSON document; keys sorted so that equal documents are equal bytes.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        guard let data = try? encoder.encode(value) else {
            return Response(status: .internalServerError)
        }
        return Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }

    /// Bytes of some media type.
    static func bytes(_ bytes: some Sequence<UInt8>, type: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// Text of some media type.
    static func text(_ text: String, type: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    /// Nothing but a status.
    static func empty(_ status: HTTPResponse.Status = .noContent) -> Response { Response(status: status) }
}
