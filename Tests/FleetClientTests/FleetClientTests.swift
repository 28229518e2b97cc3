import AsyncHTTPClient
import FleetClient
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import Testing

/// A controller in name only: enough routes to see how the client behaves.
private func withServer(_ body: @Sendable @escaping (FleetClient, Int) async throws -> Void) async throws {
    let router = Router()
    router.get("/list") { request, _ -> Response in
        let second = request.uri.queryParameters["cursor"] == "2"
        let tail = second ? "" : #","next":"2""#
        return Response(
            status: .ok, body: .init(byteBuffer: ByteBuffer(string: #"{"items":[\#(second ? 3 : 1)]\#(tail)}"#)))
    }
    router.get("/refused") { _, _ -> Response in
        Response(
            status: .conflict,
            body: .init(
                byteBuffer: ByteBuffer(string: #"{"error":{"code":"taken","message":"it is taken","hint":"free it"}}"#))
        )
    }
    router.get("/odd") { _, _ -> Response in
        Response(status: .badGateway, body: .init(byteBuffer: ByteBuffer(string: "<html>")))
    }
    router.get("/text") { _, _ in "not json" }
    router.get("/echo") { request, _ -> String in
        let query = String(request.uri.queryParameters["q"] ?? "")
        let token = request.headers[.authorization] ?? ""
        return #"{"q":"\#(query)","token":"\#(token)"}"#
    }
    var logger = Logger(label: "test")
    logger.logLevel = .error
    let application = Application(
        router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)), logger: logger)
    try await application.test(.live) { server in
        let port = server.port ?? 0
        let http = try FleetClient.pool(authorityFile: nil)
        do {
            try await body(FleetClient(url: "http://127.0.0.1:\(port)/", token: "secret", http: http), port)
        } catch {
            try await http.shutdown()
            throw error
        }
        try await http.shutdown()
    }
}

@Suite("The API client")
struct FleetClientTests {
    @Test("a list is followed to its last page")
    func pages() async throws {
        try await withServer { client, _ in
            let items = try await client.all("/list")
            #expect(items == [1, 3])
        }
    }

    @Test("a refusal keeps the controller's code, message and hint")
    func refusal() async throws {
        try await withServer { client, _ in
            let error = await #expect(throws: FleetClientError.self) { try await client.get("/refused") }
            #expect(error?.description == "it is taken (taken, HTTP 409)\nfree it")
        }
    }

    @Test("an answer that is no error document is still told by its status")
    func oddRefusal() async throws {
        try await withServer { client, _ in
            let error = await #expect(throws: FleetClientError.self) { try await client.get("/odd") }
            #expect(error?.description.contains("HTTP 502") == true)
        }
    }

    @Test("an answer that is not JSON is malformed")
    func malformed() async throws {
        try await withServer { client, _ in
            let error = await #expect(throws: FleetClientError.self) { try await client.get("/text") }
            guard case .malformed = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    @Test("queries are escaped and the token is sent")
    func query() async throws {
        try await withServer { client, _ in
            let answer = try await client.get("/echo", query: [("q", "a&b=c d"), ("none", nil)])
            #expect(answer["q"].string == "a%26b%3Dc%20d" || answer["q"].string == "a&b=c d")
            #expect(answer["token"].string == "Bearer secret")
        }
    }

    @Test("nobody at the address is told with the address")
    func unreachable() async throws {
        let http = try FleetClient.pool(authorityFile: nil)
        let client = FleetClient(url: "http://127.0.0.1:1", token: nil, http: http)
        let error = await #expect(throws: FleetClientError.self) { try await client.get("/healthz") }
        #expect(error?.description.contains("http://127.0.0.1:1") == true)
        try await http.shutdown()
    }
}
