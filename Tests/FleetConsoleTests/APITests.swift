import DemoFleet
import FleetController
import FleetModel
import FleetStore
import Foundation
import HTTPTypes
import Hummingbird
import Testing

@testable import FleetConsole

@Suite("What the API refuses and how it says so")
struct APIErrorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var method: HTTPRequest.Method = .post
        var path: String
        var body: String?
        var status: HTTPResponse.Status
        var code: String
        var says: String

        var testDescription: String { name }
    }

    static let cases = [
        Case(
            name: "an unknown field", path: "/api/v1/rollouts", body: #"{"release":"shoulder-2","speed":3}"#,
            status: .badRequest, code: "invalid", says: "'speed' is unknown here"),
        Case(
            name: "an unknown field deep inside", path: "/api/v1/rollouts",
            body: #"{"release":"shoulder-2","waves":[{"share":1,"colour":"red"}]}"#, status: .badRequest,
            code: "invalid",
            says: "'waves[0].colour' is unknown here"),
        Case(
            name: "a missing field", path: "/api/v1/rollouts", body: "{}", status: .badRequest, code: "invalid",
            says: "'release' is missing"),
        Case(
            name: "a wrong type", path: "/api/v1/rollouts", body: #"{"release":7}"#, status: .badRequest,
            code: "invalid",
            says: "'release' must be of type string, not integer"),
        Case(
            name: "a share above one", path: "/api/v1/rollouts",
            body: #"{"release":"shoulder-2","waves":[{"share":1.5}]}"#, status: .badRequest, code: "invalid",
            says: "'waves[0].share' is 1.5; the most is 1"),
        Case(
            name: "a name that is none", path: "/api/v1/devices", body: #"{"id":"a b"}"#, status: .badRequest,
            code: "invalid", says: "'id' is not a name"),
        Case(
            name: "text that is not JSON", path: "/api/v1/rollouts", body: "{release", status: .badRequest,
            code: "malformed", says: "not a JSON document"),
        Case(
            name: "a selector that is none", method: .get, path: "/api/v1/devices?selector=side", status: .badRequest,
            code: "invalid", says: "selector"),
        Case(
            name: "an unknown query parameter", method: .get, path: "/api/v1/devices?colour=red", status: .badRequest,
            code: "unknownParameter", says: "'colour'"),
        Case(
            name: "a limit above the most", method: .get, path: "/api/v1/devices?limit=5000", status: .badRequest,
            code: "invalid", says: "the most is 1000"),
        Case(
            name: "an id that is no number", method: .get, path: "/api/v1/alerts/last", status: .badRequest,
            code: "invalid", says: "'id' must be of type integer"),
        Case(
            name: "a device that does not exist", method: .get, path: "/api/v1/devices/ghost", status: .notFound,
            code: "notFound", says: "'ghost'"),
        Case(
            name: "a path that does not exist", method: .get, path: "/api/v1/ghosts", status: .notFound,
            code: "notFound",
            says: "nothing here"),
        Case(
            name: "a class that the model does not know", path: "/api/v1/samples/1/annotations",
            body: #"{"verdict":"class","class":"JUMP"}"#, status: HTTPResponse.Status(code: 422), code: "invalid",
            says: "JUMP"),
    ]

    @Test("a refusal names what is wrong and what to do", arguments: cases)
    func refusals(_ example: Case) async throws {
        let answer = try await ConsoleFixture.shared.value.test {
            try await $0.send(example.method, example.path, example.body)
        }
        #expect(answer.status == example.status)
        #expect(answer.code == example.code)
        #expect(answer.json["error"]?["message"]?.text?.contains(example.says) == true, "\(answer.text)")
        #expect(answer.json["error"]?["hint"]?.text?.isEmpty == false)
        #expect(answer.headers[.contentType] == "application/json")
    }

    @Test("a body above the limit is refused before it is read")
    func bounded() async throws {
        let body = #"{"release":""# + String(repeating: "a", count: ConsoleLimits.jsonBody) + #""}"#
        let answer = try await ConsoleFixture.shared.value.test { try await $0.send(.post, "/api/v1/rollouts", body) }
        #expect(answer.status == .contentTooLarge)
        #expect(answer.code == "tooLarge")
    }

    @Test("a model above the configured size is refused by the setting's name, said beforehand or found while reading")
    func modelTooLarge() async throws {
        let limit = 1000
        let fixture = try await ConsoleFixture { $0.modelBytesLimit = limit }
        try await fixture.test { caller in
            func push(_ size: Int, _ headers: HTTPFields = [:]) async throws -> ConsoleFixture.Answer {
                try await caller.send(
                    .post, "/api/v1/models/shoulder/versions", String(repeating: "x", count: size),
                    type: "application/octet-stream", headers: headers)
            }
            for headers: HTTPFields in [[:], [.contentLength: "\(limit + 1)"]] {
                let refusal = try await push(limit + 1, headers)
                #expect(refusal.status == .contentTooLarge)
                #expect(refusal.code == "tooLarge")
                #expect(refusal.json["error"]?["message"]?.text?.contains("\(limit) bytes") == true)
                #expect(refusal.json["error"]?["hint"]?.text?.contains("models.max_bytes") == true, "\(refusal.text)")
            }
            #expect(try await push(limit).status != .contentTooLarge, "what is exactly as large is read")
        }
    }
}

@Suite("What the API does")
struct APITests {
    @Test("an annotation counts, the newest last, and the next sample is another one")
    func annotate() async throws {
        let fixture = try await ConsoleFixture()
        try await fixture.test { caller in
            let first = try await caller.get("/api/v1/samples/next", as: .annotator).json["items"]?[0]
            let id = try #require(first?["id"]?.integerValue)
            #expect(first?["values"]?.elements.count == 300)
            #expect(first?["classes"]?.elements.count == 7)
            let path = "/api/v1/samples/\(id)/annotations"
            let right = try await caller.send(
                .post, path, as: .annotator, #"{"verdict":"class","class":"ROW","seconds":2.5}"#)
            #expect(right.status == .created)
            #expect(right.json["identity"]?.text == "Anna")
            #expect(try await caller.send(.post, path, as: .annotator, #"{"verdict":"unusable"}"#).status == .created)
            let history = try await caller.get(path).json["items"]?.elements ?? []
            #expect(history.map { $0["verdict"]?.text } == ["unusable", "class"])
            #expect(try await caller.get("/api/v1/samples/\(id)").json["verdict"]?.text == "unusable")
            for _ in 0..<8 {
                let next = try await caller.get("/api/v1/samples/next", as: .annotator).json["items"]?[0]?["id"]
                #expect(next?.integerValue != id)
            }
        }
    }

    @Test("an annotation that is withdrawn counts no more, stays in the history and is in the audit")
    func withdraw() async throws {
        let fixture = try await ConsoleFixture()
        try await fixture.test { caller in
            let first = try await caller.get("/api/v1/samples/next", as: .annotator).json["items"]?[0]
            let path = "/api/v1/samples/\(try #require(first?["id"]?.integerValue))"
            #expect(try await caller.send(.delete, "\(path)/annotations", as: .annotator).status == .conflict)
            _ = try await caller.send(
                .post, "\(path)/annotations", as: .annotator, #"{"verdict":"class","class":"ROW"}"#)
            #expect(try await caller.send(.delete, "\(path)/annotations", as: .viewer).status == .forbidden)
            let answer = try await caller.send(.delete, "\(path)/annotations", as: .annotator)
            #expect(answer.status == .ok)
            #expect(answer.json["verdict"] == .null)
            let history = try await caller.get("\(path)/annotations").json["items"]
            #expect(history?[0]?["withdrawnAt"]?.text != nil)
            #expect(try await caller.get("/api/v1/audit").text.contains("samples.withdraw"))
        }
    }

    @Test("lists come in pages that join without gaps")
    func pages() async throws {
        try await ConsoleFixture.shared.value.test { caller in
            var ids: [String] = []
            var cursor: String?
            repeat {
                let query = cursor.map { "&cursor=\($0)" } ?? ""
                let page = try await caller.get("/api/v1/devices?limit=7\(query)").json
                ids += (page["items"]?.elements ?? []).compactMap { $0["id"]?.text }
                cursor = page["next"]?.text
            } while cursor != nil
            #expect(ids.count == 20)
            #expect(ids == ids.sorted())
            #expect(Set(ids).count == 20)
        }
    }

    @Test("devices can be narrowed by selector and search")
    func selectors() async throws {
        try await ConsoleFixture.shared.value.test { caller in
            let left = try await caller.get("/api/v1/devices?selector=side%3DL").json["items"]?.elements ?? []
            #expect(left.count == 10)
            #expect(left.allSatisfy { $0["tags"]?["side"]?.text == "L" })
            let found = try await caller.get("/api/v1/devices?search=s10").json["items"]?.elements ?? []
            #expect(found.compactMap { $0["id"]?.text } == ["s10L", "s10R"])
        }
    }

    @Test("a device is provisioned once, its private files shown once")
    func provision() async throws {
        let fixture = try await ConsoleFixture()
        try await fixture.test { caller in
            let made = try await caller.send(
                .post, "/api/v1/devices", as: .operator, #"{"id":"s11R","tags":{"side":"R"},"hardware":"arm64"}"#)
            #expect(made.status == .created)
            #expect(made.json["files"]?["device.conf"]?.text?.contains("s11R") == true)
            #expect(try await caller.get("/api/v1/devices/s11R").json["tags"]?["side"]?.text == "R")
            #expect(try await caller.send(.post, "/api/v1/devices", #"{"id":"s11R"}"#).status == .conflict)
            let changed = try await caller.send(.patch, "/api/v1/devices/s11R", #"{"tags":{"side":"L"}}"#)
            #expect(changed.json["tags"]?["side"]?.text == "L")
            #expect(try await caller.send(.post, "/api/v1/devices/s11R/revoke").json["revokedAt"] != .null)
        }
    }

    @Test("the second person's signature approves a release; a wrong one is refused")
    func approve() async throws {
        let fixture = try await ConsoleFixture()
        let file = try #require(fixture.fleet.keyFiles["lead"])
        try await fixture.test { caller in
            let keys = try await caller.get("/api/v1/keys").json["items"]?.elements ?? []
            let lead = try #require(keys.first { $0["holder"]?.text == "lead" }?["id"]?.text)
            let path = "/api/v1/releases/shoulder-3"
            let answer = try await caller.get("\(path)/to-be-signed?key=\(lead)", as: .approver)
            let bytes = try #require(Data(base64Encoded: answer.json["toBeSigned"]?.text ?? ""))
            let signature = Data(try TestKey.sign([UInt8](bytes), with: file)).base64EncodedString()
            let wrong = Data(repeating: 1, count: 64).base64EncodedString()
            let refused = try await caller.send(
                .post, "\(path)/signatures", as: .approver, #"{"keyId":"\#(lead)","signature":"\#(wrong)"}"#)
            #expect(refused.code == "badSignature")
            let approved = try await caller.send(
                .post, "\(path)/signatures", as: .approver, #"{"keyId":"\#(lead)","signature":"\#(signature)"}"#)
            #expect(approved.status == .ok, "\(approved.text)")
            #expect(approved.json["stage"]?.text == "approved")
        }
    }

    @Test("metrics name the fleet in Prometheus' text format")
    func metrics() async throws {
        let answer = try await ConsoleFixture.shared.value.test { caller in
            _ = try await caller.get("/api/v1/summary")
            return try await caller.get("/metrics", as: nil)
        }
        #expect(answer.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(answer.text.contains("# TYPE martlet_devices gauge\nmartlet_devices 20\n"))
        #expect(answer.text.contains("martlet_devices_online 18\n"))
        #expect(answer.text.contains(#"martlet_alerts_open{kind="drift"} 10"#))
        #expect(answer.text.contains(#"martlet_http_request_duration_seconds_bucket{le="+Inf"}"#))
        for line in answer.text.split(separator: "\n") where !line.hasPrefix("#") {
            let value = line.split(separator: " ").last.flatMap { Double($0) }
            #expect(value != nil, "\(line)")
        }
    }

    @Test("a dataset imports frames once and exports them as a tar")
    func datasets() async throws {
        let fixture = try await ConsoleFixture()
        try await fixture.test { caller in
            let shape =
                #"{"kind":"table","steps":1,"width":2,"channels":[{"name":"a","unit":""},{"name":"b","unit":"m"}],"classes":["x","y"]}"#
            #expect(try await caller.send(.put, "/api/v1/datasets/small", shape).status == .ok)
            #expect(try await caller.send(.put, "/api/v1/datasets/small", shape).status == .ok)
            let lines = """
                {"device":"d1","tags":{"side":"L"},"class":"x","values":[1,2]}
                {"device":"d2","tags":{},"class":"y","values":[3,4]}
                """
            let imported = try await caller.send(
                .post, "/api/v1/datasets/small/frames", lines, type: "application/x-ndjson")
            #expect(imported.json["added"]?.integerValue == 2)
            let again = try await caller.send(
                .post, "/api/v1/datasets/small/frames", lines, type: "application/x-ndjson")
            #expect(again.json["known"]?.integerValue == 2)
            #expect(
                try await caller.send(.post, "/api/v1/datasets/small/versions", "{}").json["items"]?.integerValue == 2)
            let tar = try await caller.get("/api/v1/datasets/small/versions/1/export")
            #expect(tar.headers[.contentType] == "application/x-tar")
            #expect(tar.text.contains("NUMPY"))
        }
    }
}
