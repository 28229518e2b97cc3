import DemoFleet
import FleetController
import FleetModel
import FleetStore
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore

@testable import FleetConsole

/// A console on a seeded fleet, asked without a socket.
struct ConsoleFixture: Sendable {
    let fleet: DemoFleet
    let server: ConsoleServer

    /// One fleet for all tests that only look.
    static let shared = Task { try await ConsoleFixture() }

    init(_ change: (inout ControllerConfiguration) -> Void = { _ in }) async throws {
        fleet = try await DemoFleet(change)
        server = try ConsoleServer(
            controller: fleet.controller, configuration: ConsoleConfiguration(port: 0),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    func test<Value: Sendable>(_ body: @escaping @Sendable (Caller) async throws -> Value) async throws -> Value {
        let tokens = fleet.tokens
        return try await Application(router: server.buildRouter()).test(.router) { client in
            try await body(Caller(client: client, tokens: tokens))
        }
    }

    /// Sends requests as somebody.
    struct Caller: Sendable {
        let client: any TestClientProtocol
        let tokens: [Role: String]

        func send(
            _ method: HTTPRequest.Method, _ path: String, as role: Role? = .admin, _ body: String? = nil,
            type: String = "application/json", headers: HTTPFields = [:]
        ) async throws -> Answer {
            var headers = headers
            if let role, let token = tokens[role] { headers[.authorization] = "Bearer \(token)" }
            if body != nil { headers[.contentType] = type }
            return try await client.execute(
                uri: path, method: method, headers: headers, body: body.map { ByteBuffer(string: $0) }
            ) { response in
                Answer(status: response.status, headers: response.headers, text: String(buffer: response.body))
            }
        }

        func get(_ path: String, as role: Role? = .admin) async throws -> Answer {
            try await send(.get, path, as: role)
        }

        /// Logs in through the form; the cookie and the session's form token come back.
        func logIn(as role: Role) async throws -> (cookie: String, formToken: String) {
            let answer = try await send(
                .post, "/api/v1/login", as: nil, #"{"token":"\#(tokens[role] ?? "")"}"#)
            let cookie = answer.headers[.setCookie]?.split(separator: ";").first.map(String.init) ?? ""
            return (cookie, answer.json["formToken"]?.text ?? "")
        }
    }

    struct Answer: Sendable {
        var status: HTTPResponse.Status
        var headers: HTTPFields
        var text: String

        var json: JSONValue { (try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))) ?? .null }
        var code: String { json["error"]?["code"]?.text ?? "" }
    }
}
