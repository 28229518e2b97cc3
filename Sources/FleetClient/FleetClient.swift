public import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL

/// Why a call to the controller failed.
public enum FleetClientError: Error, Sendable, CustomStringConvertible {
    /// The controller answered with an error document.
    case refused(status: Int, code: String, message: String, hint: String)
    /// Nothing answered at the address.
    case unreachable(url: String, reason: String)
    /// The answer is not what the API promises.
    case malformed(path: String, reason: String)

    public var description: String {
        switch self {
        case .refused(let status, let code, let message, let hint):
            "\(message) (\(code), HTTP \(status))" + (hint.isEmpty ? "" : "\n\(hint)")
        case .unreachable(let url, let reason):
            "no controller answers at \(url): \(reason)\nIs `martlet serve` running? Set --url or MARTLET_URL."
        case .malformed(let path, let reason):
            "\(path) gave an answer that this client does not understand: \(reason)"
        }
    }
}

/// A client of the controller's HTTP API (`/api/v1`).
public struct FleetClient: Sendable {
    /// Largest answer read into memory, in bytes.
    public static let answerLimit = Int(Int32.max)

    public let url: String
    private let token: String?
    private let http: HTTPClient

    /// - Parameters:
    ///   - url: The controller's address, such as `http://127.0.0.1:8480`.
    ///   - token: A bearer token.
    ///   - http: The connection pool; the caller shuts it down.
    public init(url: String, token: String?, http: HTTPClient) {
        self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
        self.token = token
        self.http = http
    }

    /// A pool that trusts a private authority beside the system's.
    public static func pool(authorityFile: String?) throws -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(5)
        if let authorityFile {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.additionalTrustRoots = [.file(authorityFile)]
            configuration.tlsConfiguration = tls
        }
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    // MARK: Calls

    public func get(_ path: String, query: [(String, String?)] = []) async throws -> JSONValue {
        try await call("GET", path, query: query, body: nil)
    }

    @discardableResult
    public func post(_ path: String, _ body: JSONValue = [:]) async throws -> JSONValue {
        try await call("POST", path, body: .json(body))
    }

    @discardableResult
    public func put(_ path: String, _ body: JSONValue) async throws -> JSONValue {
        try await call("PUT", path, body: .json(body))
    }

    @discardableResult
    public func patch(_ path: String, _ body: JSONValue) async throws -> JSONValue {
        try await call("PATCH", path, body: .json(body))
    }

    @discardableResult
    public func delete(_ path: String) async throws -> JSONValue {
        try await call("DELETE", path, body: nil)
    }

    /// Posts bytes of another type.
    @discardableResult
    public func upload(
        _ path: String, query: [(String, String?)] = [], type: String, _ bytes: [UInt8]
    ) async throws -> JSONValue {
        try await call("POST", path, query: query, body: .bytes(bytes, type: type))
    }

    /// Fetches bytes that are not JSON.
    public func download(_ path: String) async throws -> [UInt8] {
        try await bytes("GET", path, query: [], body: nil, accept: "*/*")
    }

    /// Every item of a list, following `next` cursors.
    public func all(_ path: String, query: [(String, String?)] = []) async throws -> [JSONValue] {
        var items: [JSONValue] = []
        var cursor: String?
        repeat {
            let page = try await get(path, query: query + [("cursor", cursor)])
            items += page["items"].array
            cursor = page["next"].string
        } while cursor != nil
        return items
    }

    // MARK: The exchange

    private enum Body {
        case json(JSONValue)
        case bytes([UInt8], type: String)
    }

    private func call(
        _ method: String, _ path: String, query: [(String, String?)] = [], body: Body?
    ) async throws -> JSONValue {
        let bytes = try await bytes(method, path, query: query, body: body, accept: "application/json")
        guard !bytes.isEmpty else { return .null }
        do {
            return try JSONValue(parsing: bytes)
        } catch {
            throw FleetClientError.malformed(path: path, reason: "it is not JSON")
        }
    }

    private func bytes(
        _ method: String, _ path: String, query: [(String, String?)], body: Body?, accept: String
    ) async throws -> [UInt8] {
        var request = HTTPClientRequest(url: url + path + Self.queryText(query))
        request.method = .RAW(value: method)
        request.headers.add(name: "accept", value: accept)
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        switch body {
        case .json(let value):
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: try value.text()))
        case .bytes(let bytes, let type):
            request.headers.add(name: "content-type", value: type)
            request.body = .bytes(ByteBuffer(bytes: bytes))
        case nil: break
        }
        let response: HTTPClientResponse
        do {
            response = try await http.execute(request, timeout: Self.patience(for: body))
        } catch {
            throw FleetClientError.unreachable(url: url, reason: "\(error)")
        }
        let answer = [UInt8](buffer: try await response.body.collect(upTo: Self.answerLimit))
        guard (200..<300).contains(response.status.code) else { throw Self.refusal(response.status.code, answer) }
        return answer
    }

    /// Until an answer must begin: two minutes, and a second for each MiB that is sent.
    private static func patience(for body: Body?) -> TimeAmount {
        guard case .bytes(let bytes, _) = body else { return .seconds(120) }
        return .seconds(120 + Int64(bytes.count >> 20))
    }

    private static func refusal(_ status: UInt, _ answer: [UInt8]) -> FleetClientError {
        let error = (try? JSONValue(parsing: answer))?["error"] ?? .null
        return .refused(
            status: Int(status), code: error["code"].string ?? "http\(status)",
            message: error["message"].string ?? "the controller answered HTTP \(status)",
            hint: error["hint"].string ?? "")
    }

    private static func queryText(_ query: [(String, String?)]) -> String {
        let allowed = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        let pairs = query.compactMap { name, value in
            value.map { "\(name)=\($0.addingPercentEncoding(withAllowedCharacters: allowed) ?? "")" }
        }
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }
}

extension [UInt8] {
    fileprivate init(buffer: ByteBuffer) { self = Array(buffer.readableBytesView) }
}
