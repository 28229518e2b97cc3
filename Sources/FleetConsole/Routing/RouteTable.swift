import FleetController
import FleetModel
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// The API's operations: the one list that registers the routes and writes the OpenAPI document.
struct RouteTable: Sendable {
    let endpoints: [Endpoint]

    /// Methods that a path may be asked with; those not declared are answered 405 with `Allow`.
    static let methods: [HTTPRequest.Method] = [.get, .post, .put, .patch, .delete, .options, .trace]

    /// Paths in the order of their first endpoint.
    var paths: [String] {
        var seen: Set<String> = []
        return endpoints.map(\.path).filter { seen.insert($0).inserted }
    }

    /// The endpoints of a path.
    func endpoints(at path: String) -> [Endpoint] { endpoints.filter { $0.path == path } }

    /// Registers every endpoint and a refusal for every other method of its path.
    func register(on router: Router<ConsoleContext>, core: ConsoleCore) {
        for path in paths {
            let offered = endpoints(at: path)
            for endpoint in offered {
                router.on(RouterPath(path), method: endpoint.method) { request, context in
                    try await Self.answer(request, context, endpoint, core)
                }
            }
            let names = offered.map(\.method.rawValue)
            for method in Self.methods where !names.contains(method.rawValue) {
                router.on(RouterPath(path), method: method) { _, _ -> Response in
                    throw APIError.methodNotAllowed(method.rawValue, allowed: names)
                }
            }
        }
    }

    private static func answer(
        _ request: Request, _ context: ConsoleContext, _ endpoint: Endpoint, _ core: ConsoleCore
    ) async throws -> Response {
        let caller = try await core.admit(request, to: endpoint.access)
        let parameters = try parameters(of: request, context, endpoint)
        let (bytes, json) = try await body(of: request, endpoint, core.controller.configuration)
        let call = APIRequest(
            request: request, core: core, caller: caller, parameters: parameters, json: json, bytes: bytes,
            address: context.address, now: core.now())
        return try await endpoint.handle(call)
    }

    private static func parameters(
        of request: Request, _ context: ConsoleContext, _ endpoint: Endpoint
    ) throws -> [String: JSONValue] {
        var values: [String: JSONValue] = [:]
        let query = request.uri.queryParameters
        for key in query.map({ String($0.key) })
        where !endpoint.parameters.contains(where: { $0.place == .query && $0.name == key }) {
            let known = endpoint.parameters.filter { $0.place == .query }.map(\.name).joined(separator: ", ")
            throw APIError.badRequest(
                "unknownParameter", "The query parameter '\(key)' is unknown here.",
                hint: known.isEmpty ? "This operation takes none." : "Known: \(known).")
        }
        for parameter in endpoint.parameters {
            let text: String? =
                switch parameter.place {
                case .path: context.parameters.get(parameter.name)?.removingPercentEncoding
                case .query: query[Substring(parameter.name)].map { String($0).replacing("+", with: " ") }
                }
            guard let text, !(parameter.place == .query && text.isEmpty) else { continue }
            do {
                values[parameter.name] = try parameter.value(text)
            } catch {
                throw APIError.invalid(error)
            }
        }
        return values
    }

    private static func body(
        of request: Request, _ endpoint: Endpoint, _ configuration: ControllerConfiguration
    ) async throws -> (ByteBuffer, JSONValue) {
        switch endpoint.body {
        case .none: return (ByteBuffer(), .null)
        case .bytes(_, let limit):
            return (try await collect(request, limit), .null)
        case .jsonOrBytes(_, _, let type, let limit) where request.headers[.contentType]?.hasPrefix(type) == true:
            let bytes = try await collect(request, limit.bytes(configuration), setting: limit.setting)
            return (bytes, .null)
        case .json(let schema, let limit), .jsonOrBytes(let schema, let limit, _, _):
            let bytes = try await collect(request, limit)
            guard bytes.readableBytes > 0 || !schema.isOptional else { return (ByteBuffer(string: "{}"), .object([:])) }
            let value: JSONValue
            do {
                value = try JSONDecoder().decode(JSONValue.self, from: Data(bytes.readableBytesView))
            } catch {
                throw APIError.badRequest(
                    "malformed", "The body is not a JSON document.", hint: "Send a JSON object as UTF-8 text.")
            }
            do {
                try schema.check(value)
            } catch {
                throw APIError.invalid(error)
            }
            return (bytes, value)
        }
    }

    /// Reads a body of at most `limit` bytes.
    ///
    /// - Parameter setting: what raises the limit.
    static func collect(_ request: Request, _ limit: Int, setting: String? = nil) async throws -> ByteBuffer {
        let refusal = APIError.tooLarge(limit, setting: setting)
        if let length = request.headers[.contentLength].flatMap(Int.init), length > limit { throw refusal }
        do {
            return try await request.body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            throw refusal
        }
    }
}
