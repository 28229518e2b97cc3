import DemoFleet
import FleetController
import FleetModel
import FleetStore
import GRDB
import HTTPTypes
import Hummingbird
import Testing

@testable import FleetConsole

@Suite("The console's pages")
struct PageTests {
    static let pages: [(String, [String])] = [
        ("/", ["s10L", "side=L", "18", "of 20", "ax 1.9", "Filter"]),
        ("/devices/s1L", ["Slot main", "shoulder:2 in shoulder-2", "x86_64-generic", "Receipts", "µs", "Revoke"]),
        ("/devices/s1L", ["disconnected: &lt;script&gt;", "12 times", "3 lines before it given up"]),
        ("/claims", ["Let a device join", "Make claim", "No claim yet", "a week"]),
        ("/models", ["shoulder-3", "Awaits signatures", "1 of 2", "watch:2", "178.0 KiB", "Running 42 %"]),
        ("/models/shoulder/2", ["Lineage", "/releases/shoulder-2", "convolution", "watch:2"]),
        ("/releases/shoulder-3", ["Sign and approve", "Promised accuracy", "rad/s", "1 of 2 needed"]),
        ("/rollouts", ["#2 shoulder-2", "9 of 20 devices, 1 failed", "New rollout", "shoulder-2 (shoulder:2)"]),
        ("/rollouts/2", ["canary, up to 20 %", "proof failed", "Pause", "Abort", "data-live=\"rollout device\""]),
        (
            "/monitoring",
            ["side=L", "side=R", "PSI ÷ threshold", "drift above 1", "promised 75 %", "Below its promise"]
        ),
        ("/annotate", ["What is it?", "data-key=\"1\"", "Unusable", "ax, ay, az in g", "of 42 samples"]),
        ("/alerts", ["Inputs of s1L have drifted", "Acknowledge", "Why", "seen 6 times"]),
        ("/audit", ["tokens.create", "Hash chain intact", "samples.annotate"]),
        (
            "/settings",
            ["Vera", "retrain-left", "signs releases", "Make token", "Role document", "Keys in this browser"]
        ),
    ]

    @Test("every page shows what it must", arguments: pages)
    func content(path: String, texts: [String]) async throws {
        let answer = try await ConsoleFixture.shared.value.test { try await $0.get(path) }
        #expect(answer.status == .ok)
        #expect(answer.headers[.contentType] == "text/html; charset=utf-8")
        for text in texts { #expect(answer.text.contains(text), "'\(text)' is missing in \(path)") }
    }

    @Test(
        "every page is one document: a heading, one main part, nothing inline, nothing from elsewhere", arguments: pages
    )
    func structure(path: String, texts: [String]) async throws {
        let answer = try await ConsoleFixture.shared.value.test { try await $0.get(path) }
        #expect(answer.text.components(of: "<h1>") == 1)
        #expect(answer.text.components(of: "<main ") == 1)
        #expect(answer.text.components(of: "aria-current=\"page\"") == 1)
        #expect(
            !answer.text.contains(" style=\"") && !answer.text.contains("<script>") && !answer.text.contains(" onclick")
        )
        #expect(!answer.text.contains("src=\"http") && !answer.text.contains("href=\"http"))
        #expect(!answer.text.contains("{{") && !answer.text.contains("Optional("))
        let policy = HTTPField.Name("Content-Security-Policy").flatMap { answer.headers[$0] } ?? ""
        #expect(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"))
    }

    @Test(
        "a viewer sees no button that the role may not press",
        arguments: ["/devices/s1L", "/rollouts/2", "/alerts", "/releases/shoulder-3"])
    func viewer(path: String) async throws {
        let answer = try await ConsoleFixture.shared.value.test { try await $0.get(path, as: .viewer) }
        #expect(answer.status == .ok)
        for word in ["Revoke</button>", "Pause</button>", "Acknowledge</button>", "Sign and approve"] {
            #expect(!answer.text.contains(word), "\(word) on \(path)")
        }
        let settings = try await ConsoleFixture.shared.value.test { try await $0.get("/settings", as: .operator) }
        #expect(!settings.text.contains("Make token"))
    }

    @Test("text from outside is shown, never run")
    func escaping() async throws {
        let fixture = try await ConsoleFixture()
        try await fixture.fleet.controller.store.database.write { database in
            var alert = AlertRecord(
                fingerprint: "x", kind: .drift, severity: .info, subject: "x", title: "<script>alert(1)</script>",
                reason: "\"><img src=x>", action: "{{frame.formToken}}", openedAt: .now(), updatedAt: .now())
            try alert.insert(database)
        }
        let answer = try await fixture.test { try await $0.get("/alerts") }
        #expect(answer.text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
        #expect(!answer.text.contains("<script>alert") && !answer.text.contains("<img"))
        #expect(answer.text.contains("{{frame.formToken}}"))
    }

    @Test(
        "without anything yet, every page says what to do",
        arguments: ["/", "/models", "/rollouts", "/monitoring", "/annotate", "/alerts"])
    func empty(path: String) async throws {
        let fixture = try await ConsoleFixture()
        try await fixture.fleet.controller.store.database.write { database in
            try database.execute(sql: "PRAGMA defer_foreign_keys = ON")
            for table in [
                "dataset_item", "annotation", "sample", "report", "receipt", "device_log", "drift_point",
                "accuracy_estimate",
                "alert",
                "rollout_device", "rollout_wave", "rollout", "device_slot", "device_tag", "device", "release_signature",
                "release_dataset", "release_part", "release", "image", "training_run", "version", "model",
                "dataset_version", "dataset",
            ] { try database.execute(sql: "DELETE FROM \(table)") }
        }
        let answer = try await fixture.test { try await $0.get(path) }
        #expect(answer.status == .ok)
        #expect(answer.text.contains("class=\"empty\""))
    }

    @Test("a page that does not exist is told to people as a page")
    func notFound() async throws {
        let answer = try await ConsoleFixture.shared.value.test { try await $0.get("/devices/ghost") }
        #expect(answer.status == .notFound)
        #expect(
            answer.text.contains("There is no device &#39;ghost&#39;")
                || answer.text.contains("There is no device &apos;ghost&apos;")
                || answer.text.contains("There is no device 'ghost'"))
        #expect(answer.text.contains("Back to the fleet"))
    }

    @Test(
        "a rollout is started from its form, and a wrong wave is explained",
        arguments: [("10, 100", true), ("50, 20", false), ("10, 50", false), ("all", false)])
    func shares(text: String, isRight: Bool) {
        if isRight {
            #expect((try? RolloutForm.shares(text)) == [0.1, 1])
        } else {
            #expect(throws: APIError.self) { try RolloutForm.shares(text) }
        }
    }
}

extension String {
    /// How often a text occurs.
    func components(of text: String) -> Int { ranges(of: text).count }
}
