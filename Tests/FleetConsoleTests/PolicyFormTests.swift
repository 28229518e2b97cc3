import DemoFleet
import FleetController
import FleetModel
import FleetStore
import Foundation
import HTTPTypes
import Testing

@testable import FleetConsole

@Suite("Policies in the console")
struct PolicyFormTests {
    private func post(
        _ caller: ConsoleFixture.Caller, as role: Role, _ fields: String
    ) async throws -> ConsoleFixture.Answer {
        let session = try await caller.logIn(as: role)
        return try await caller.send(
            .post, "/settings/policies", as: nil, "csrf=\(session.formToken)&\(fields)",
            type: "application/x-www-form-urlencoded", headers: [.cookie: session.cookie])
    }

    @Test("a policy is changed by its form, and what the form does not show stays")
    func change() async throws {
        let fixture = try await ConsoleFixture()
        let document = """
            {"model":"shoulder","require":"all","gates":{"minimumRows":20},
             "triggers":{"drift":{"devices":3,"share":0.5},"annotations":{"count":100}}}
            """
        _ = try await fixture.fleet.controller.policies.put("p", kind: .retrain, document: document, by: .local)
        try await fixture.test { caller in
            let page = try await caller.get("/settings", as: .operator).text
            #expect(
                page.contains(#"name="triggers.drift.devices" type="number" min="1" max="100000" step="1" value="3""#))
            #expect(page.contains("New sampling policy"))
            #expect(try await !caller.get("/settings", as: .viewer).text.contains("Save policy"))
            let answer = try await post(
                caller, as: .operator,
                "kind=retrain&policy=p&model=shoulder&triggers.drift.devices=5&triggers.annotations.count=&require=any&enabled=off"
            )
            #expect(answer.status == .seeOther, "\(answer.text)")
        }
        let policy = try #require(try await fixture.fleet.controller.store.queries.policy("p"))
        #expect(!policy.enabled)
        let stored = try JSONValue(text: policy.document)
        #expect(stored["triggers"] == ["drift": ["devices": 5, "share": .number(0.5)]])
        #expect(stored["require"] == "any")
        #expect(stored["gates"]?["minimumRows"] == 20)
    }

    @Test("a new sampling policy is made; mistakes and those who may not are told so")
    func make() async throws {
        let fixture = try await ConsoleFixture()
        try await fixture.test { caller in
            let made = try await post(
                caller, as: .operator, "kind=sampling&policy=new&selector=side%3DL&enabled=off&floor=0.25&slope=")
            #expect(made.status == .seeOther, "\(made.text)")
            for fields in [
                "kind=nothing&policy=x", "kind=sampling&policy=x&selector=*&floor=2",
                "kind=sampling&policy=x&selector=",
                "kind=retrain&policy=new&model=shoulder&triggers.schedule.everySeconds=60",
                "kind=retrain&policy=x&model=shoulder&enabled=on",
            ] {
                let answer = try await post(caller, as: .operator, fields)
                #expect((400..<500).contains(answer.status.code), "\(fields): \(answer.status)")
            }
            #expect(try await post(caller, as: .annotator, "kind=sampling&policy=y&selector=*").status == .forbidden)
        }
        let policy = try #require(try await fixture.fleet.controller.store.queries.policy("new"))
        #expect(
            try JSONValue(text: policy.document) == ["selector": "side=L", "enabled": false, "floor": .number(0.25)])
        #expect(
            try await fixture.fleet.controller.store.queries.policies().map(\.name).sorted() == ["new", "retrain-left"])
    }
}

@Suite("The span of monitoring")
struct MonitoringSpanTests {
    private let now = Instant(milliseconds: 1_000_000_000)
    private func ago(_ minutes: Int64) -> Instant { Instant(milliseconds: now.milliseconds - minutes * 60_000) }

    @Test("charts begin a little before young data, and with the period when data is older or missing")
    func axis() {
        let since = ago(24 * 60)
        #expect(MonitoringPage.axis(since, now, []) == since...now)
        #expect(MonitoringPage.axis(since, now, [ago(24 * 60), ago(5)]).lowerBound == since)
        #expect(MonitoringPage.axis(since, now, [ago(10), ago(20)]).lowerBound == ago(21))
        let newest = MonitoringPage.axis(since, now, [Instant(milliseconds: now.milliseconds - 1)])
        #expect(now.since(newest.lowerBound).milliseconds == 5001)
    }
}
