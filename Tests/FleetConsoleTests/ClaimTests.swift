import DemoFleet
import FleetController
import FleetCrypto
import FleetModel
import FleetStore
import Foundation
import HTTPTypes
import Testing

@testable import FleetConsole

@Suite("Claims in the API and the console")
struct ClaimTests {
    private static func form(
        _ caller: ConsoleFixture.Caller, as role: Role, _ path: String, _ fields: String
    ) async throws -> ConsoleFixture.Answer {
        let session = try await caller.logIn(as: role)
        return try await caller.send(
            .post, path, as: nil, "csrf=\(session.formToken)&\(fields)", type: "application/x-www-form-urlencoded",
            headers: [.cookie: session.cookie])
    }

    /// What a device sends, as `martlet-agent enrol` does.
    private static func body(_ claim: EnrolmentClaim, key: PrivateKey, _ device: String) throws -> String {
        let request = try EnrolmentRequest(
            claim: claim, device: DeviceID(device), key: key, signingKey: SigningKey.generate(), hardware: "arm64")
        let fields = [
            "claim": request.claim.text, "device": device, "certificateRequest": request.certificateRequest,
            "signingKey": Hexadecimal.text(request.signingKey), "hardware": request.hardware,
            "signature": Hexadecimal.text(request.signature), "proof": Hexadecimal.text(request.proof),
        ]
        return String(decoding: try JSONEncoder().encode(fields), as: UTF8.self)
    }

    @Test("a claim is shown once, a device without a token uses it once, and another that replays it is refused")
    func enrols() async throws {
        let fixture = try await ConsoleFixture()
        try await fixture.test { caller in
            let made = try await caller.send(
                .post, "/api/v1/claims", as: .operator,
                #"{"device":"press-*","url":"http://10.0.0.5:8480","tags":{"side":"R"},"station":"cell-4"}"#)
            #expect(made.status == .created, "\(made.text)")
            #expect(made.json["qr"]?.text?.hasPrefix("<svg ") == true)
            let claim = try EnrolmentClaim(made.json["text"]?.text ?? "")
            let listed = try await caller.get("/api/v1/claims").json["items"]?.elements ?? []
            #expect(listed.map { $0["state"]?.text } == ["open"] && listed[0]["text"] == nil)

            let key = try PrivateKey.generate()
            let body = try Self.body(claim, key: key, "press-7")
            let answer = try await caller.send(.post, "/api/v1/enrol", as: nil, body)
            #expect(answer.status == .ok, "\(answer.text)")
            let certificate = try Certificate(pem: answer.json["certificate"]?.text ?? "")
            #expect(certificate.commonName == "press-7" && certificate.matches(key))
            #expect(answer.json["tags"]?.text == "side=R")
            let again = try await caller.send(.post, "/api/v1/enrol", as: nil, body)
            #expect(again.json["certificate"] == answer.json["certificate"], "a lost answer is given again")
            let replay = try await caller.send(
                .post, "/api/v1/enrol", as: nil, try Self.body(claim, key: PrivateKey.generate(), "press-8"))
            #expect(replay.status == .forbidden)
            let alerts = try await caller.get("/api/v1/alerts").json["items"]?.elements ?? []
            #expect(alerts.contains { $0["kind"]?.text == "identity" && $0["severity"]?.text == "critical" })
            #expect(try await caller.get("/api/v1/devices/press-7").json["station"]?.text == "cell-4")
            #expect(try await caller.send(.delete, "/api/v1/claims/\(claim.id)").code == "wrongState")
        }
    }

    @Test("an address whose enrolments are refused too often has to wait")
    func limit() async throws {
        let fixture = try await ConsoleFixture()
        try await fixture.test { caller in
            let claim = try EnrolmentClaim.make(url: "http://h", authority: Digest([UInt8](repeating: 1, count: 32))!)
            let body = try Self.body(claim, key: PrivateKey.generate(), "press-7")
            for _ in 0..<ConsoleLimits.enrolFailures {
                #expect(try await caller.send(.post, "/api/v1/enrol", as: nil, body).status == .forbidden)
            }
            let answer = try await caller.send(.post, "/api/v1/enrol", as: nil, body)
            #expect(answer.status == .tooManyRequests && answer.code == "tooManyEnrolments")
        }
    }

    @Test("an operator makes a claim in the browser, sees its code once, and withdraws it")
    func page() async throws {
        let fixture = try await ConsoleFixture()
        try await fixture.test { caller in
            let made = try await Self.form(
                caller, as: .operator, "/claims",
                "device=press-7&station=cell-4&tags=side%3DR%2C+line%3D3&url=http%3A%2F%2F10.0.0.5%3A8480&minutes=60")
            #expect(made.status == .ok, "\(made.text)")
            #expect(made.text.contains("http://10.0.0.5:8480/enrol#m1.") && made.text.contains("<svg xmlns"))
            let claims = try await fixture.fleet.controller.store.queries.claims(limit: 10)
            #expect(claims.map(\.pattern) == ["press-7"])
            #expect(claims[0].tags == ["side": "R", "line": "3"] && claims[0].station?.text == "cell-4")
            #expect(claims[0].createdBy == "ops" && claims[0].expiresAt.since(claims[0].createdAt) == .minutes(60))
            let page = try await caller.get("/claims", as: .operator).text
            #expect(page.contains("Withdraw") && !page.contains("enrol#m1."), "its text is shown once")
            let ended = try await Self.form(caller, as: .operator, "/claims/\(claims[0].id)/withdraw", "")
            #expect(ended.status == .seeOther)
            #expect(try await caller.get("/claims", as: .operator).text.contains("Withdrawn"))
        }
    }

    @Test("a device's page leads to a claim for a new identity, which takes no tags; viewers see none of it")
    func replacement() async throws {
        let fixture = try await ConsoleFixture()
        try await fixture.test { caller in
            #expect(try await caller.get("/devices/s1L").text.contains("/claims?replace=s1L"))
            #expect(try await !caller.get("/devices/s1L", as: .viewer).text.contains("/claims"))
            #expect(try await !caller.get("/", as: .viewer).text.contains("/claims"))
            #expect(try await caller.get("/claims", as: .viewer).status == .forbidden)
            let page = try await caller.get("/claims?replace=s1L").text
            #expect(page.contains("New identity for s1L") && !page.contains(#"name="tags""#))
            let made = try await Self.form(
                caller, as: .operator, "/claims", "device=s1L&replace=1&url=http%3A%2F%2Fh&minutes=60")
            #expect(made.text.contains("enrol#m1."), "\(made.text)")
        }
    }

    @Test(
        "mistakes are told, and nothing is made",
        arguments: [
            "device=a+b&url=http%3A%2F%2Fh&minutes=60", "device=p&url=ftp%3A%2F%2Fh&minutes=60",
            "device=p&url=http%3A%2F%2Fh&minutes=0", "device=p&tags=side&url=http%3A%2F%2Fh&minutes=60",
            "device=s1L&url=http%3A%2F%2Fh&minutes=60", "device=p&replace=1&url=http%3A%2F%2Fh&minutes=60",
        ])
    func mistakes(fields: String) async throws {
        let fixture = try await ConsoleFixture()
        try await fixture.test { caller in
            let answer = try await Self.form(caller, as: .operator, "/claims", fields)
            #expect(
                [.badRequest, .unprocessableContent, .conflict, .notFound].contains(answer.status), "\(answer.status)")
            #expect(try await fixture.fleet.controller.store.queries.claims(limit: 10).isEmpty)
        }
    }
}
