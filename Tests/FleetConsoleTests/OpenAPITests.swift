import FleetStore
import HTTPTypes
import Hummingbird
import Testing

@testable import FleetConsole

@Suite("The OpenAPI document and the routes")
struct OpenAPITests {
    @Test("the document names exactly the operations that are served")
    func documentMatchesRoutes() async throws {
        let served = try await ConsoleFixture.shared.value.test { try await $0.get("/openapi.json", as: nil) }.json
        #expect(served["openapi"]?.text == "3.1.0")
        var documented: Set<String> = []
        for (path, operations) in served["paths"]?.members ?? [:] {
            for method in operations.members.keys { documented.insert("\(method.uppercased()) \(path)") }
        }
        let registered = Set(APIRoutes.table.endpoints.map { "\($0.method.rawValue) \($0.path)" })
        #expect(documented == registered)
        #expect(documented.count == APIRoutes.table.endpoints.count, "two endpoints of one method and path")
        let fixture = try await ConsoleFixture.shared.value
        let routes = fixture.server.buildRouter().routes.map { "/" + $0.path.description.drop { $0 == "/" } }
        #expect(Set(routes.filter { $0.hasPrefix("/api/") }).isSubset(of: APIRoutes.table.paths))
    }

    @Test("every documented operation is really routed, every other method is answered 405 with Allow")
    func routesMatchDocument() async throws {
        try await ConsoleFixture.shared.value.test { caller in
            for path in APIRoutes.table.paths {
                let offered = APIRoutes.table.endpoints(at: path)
                let names = offered.map(\.method.rawValue)
                let target = AccessTests.path(offered[0])
                for method in RouteTable.methods {
                    let answer = try await caller.send(method, target, as: nil)
                    if names.contains(method.rawValue) {
                        #expect(answer.status != .methodNotAllowed, "\(method) \(path)")
                        #expect(!answer.text.contains("There is nothing here"), "\(method) \(path)")
                    } else {
                        #expect(answer.status == .methodNotAllowed, "\(method) \(path)")
                        #expect(answer.headers[.allow] == names.joined(separator: ", "))
                    }
                }
            }
        }
    }

    @Test("operation ids are unique and references resolve")
    func documentIsConsistent() {
        let document = OpenAPIDocument(table: APIRoutes.table).json
        let ids = APIRoutes.table.endpoints.map(\.operationID)
        #expect(Set(ids).count == ids.count)
        let known = Set(document["components"]?["schemas"]?.members.keys.map { "#/components/schemas/\($0)" } ?? [])
        var references: Set<String> = []
        func walk(_ value: JSONValue) {
            if let reference = value["$ref"]?.text { references.insert(reference) }
            for member in value.members.values { walk(member) }
            for element in value.elements { walk(element) }
        }
        walk(document)
        #expect(!references.isEmpty)
        #expect(references.isSubset(of: known))
    }

    static let replies: [(String, String)] = [
        ("/api/v1/summary", ""), ("/api/v1/devices", ""), ("/api/v1/devices/{id}", "s1L"),
        ("/api/v1/devices/{id}/receipts", "s1L"), ("/api/v1/devices/{id}/log", "s1L"), ("/api/v1/models", ""),
        ("/api/v1/models/{model}", "shoulder"),
        ("/api/v1/models/{model}/versions/{number}", "shoulder,2"), ("/api/v1/releases", ""),
        ("/api/v1/releases/{name}", "shoulder-3"), ("/api/v1/keys", ""), ("/api/v1/rollouts", ""),
        ("/api/v1/rollouts/{id}", "2"), ("/api/v1/rollouts/{id}/devices", "2"), ("/api/v1/samples", ""),
        ("/api/v1/samples/next", ""), ("/api/v1/samples/{id}", "1"), ("/api/v1/samples/{id}/annotations", "42"),
        ("/api/v1/datasets", ""), ("/api/v1/datasets/{dataset}", "watch"),
        ("/api/v1/datasets/{dataset}/versions/{number}", "watch,1"), ("/api/v1/training-runs", ""),
        ("/api/v1/training-runs/{id}", "1"), ("/api/v1/policies", ""), ("/api/v1/policies/{name}", "retrain-left"),
        ("/api/v1/monitoring/drift", ""), ("/api/v1/monitoring/accuracy", ""), ("/api/v1/monitoring/latency", ""),
        ("/api/v1/alerts", ""), ("/api/v1/alerts/{id}", "1"), ("/api/v1/webhooks", ""), ("/api/v1/audit", ""),
        ("/api/v1/audit/chain", ""), ("/api/v1/tokens", ""), ("/healthz", ""),
    ]

    @Test("every reply is what the document says", arguments: replies)
    func repliesMatchSchemas(path: String, values: String) async throws {
        let endpoint = try #require(APIRoutes.table.endpoints.first { $0.path == path && $0.method == .get })
        guard case .json(let schema, _) = endpoint.reply else {
            Issue.record("\(path) does not answer with JSON")
            return
        }
        var target = path
        for (parameter, value) in zip(endpoint.parameters.filter { $0.place == .path }, values.split(separator: ",")) {
            target = target.replacing("{\(parameter.name)}", with: String(value))
        }
        let filled = target
        let answer = try await ConsoleFixture.shared.value.test { try await $0.get(filled) }
        #expect(answer.status == .ok, "\(answer.text)")
        #expect(throws: Never.self) { try schema.check(answer.json) }
        if case .array? = answer.json["items"], let items = answer.json["items"] {
            #expect(!items.elements.isEmpty, "nothing to check in \(path)")
        }
    }
}
