import AsyncHTTPClient
import DemoFleet
import FleetConsole
import FleetController
import FleetCrypto
import FleetModel
import FleetStore
import Foundation
import GRDB
import Logging
import NIOCore
import NIOHTTP1
import Testing

/// The console in a real browser, on a seeded fleet.
@Suite(
    "The console in Chromium", .serialized,
    .enabled(if: WebDriver.isInstalled, "apt-get install chromium chromium-driver"))
struct ConsoleBrowserTests {
    /// Screenshots are kept here for people to look at.
    static let artifacts = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
        .appending(path: ".build/artifacts/console")

    /// Whether the page listens to the event stream.
    static let live = "document.documentElement.dataset.live ?? ''"
    /// The sample that is shown for annotation.
    static let sampleShown = "document.querySelector('#work')?.dataset.sample ?? ''"

    /// Runs a console on a free port and a browser that is logged in.
    static func withConsole(
        as role: Role = .admin, _ body: (DemoFleet, WebDriver, String) async throws -> Void
    ) async throws {
        let fleet = try await DemoFleet()
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = try ConsoleServer(
            controller: fleet.controller, configuration: ConsoleConfiguration(port: 0),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onListening: { port.yield($0) })
        let serving = Task { try await server.run() }
        defer { serving.cancel() }
        let bound = try #require(await ports.first { _ in true })
        let driver = try await WebDriver()
        do {
            let url = "http://127.0.0.1:\(bound)"
            try await driver.resize(width: 1400, height: 900)
            try await driver.open("\(url)/alerts")
            try await driver.type(fleet.tokens[role] ?? "", into: "#token")
            try await driver.click("button.primary")
            try await driver.wait(forText: "h1", toBe: "Alerts")
            try await body(fleet, driver, url)
            #expect(try await driver.errors() == [])
        } catch {
            try? await driver.screenshot(to: artifacts.appending(path: "failure.png"))
            await driver.quit()
            throw error
        }
        await driver.quit()
    }

    @Test("a wrong token is refused in words, the right one opens the fleet")
    func logIn() async throws {
        try await Self.withConsole { _, driver, url in
            try await driver.open(url)
            try await driver.wait(forText: "h1", toBe: "Fleet")
            try await driver.click("form[action='/logout'] button")
            try await driver.wait(forText: "h1", toBe: "Log in")
            try await driver.type("mrt_wrong", into: "#token")
            try await driver.click("button.primary")
            try await driver.wait(forText: ".notice", toContain: "unknown")
            #expect(try await driver.text("h1") == "Log in")
        }
    }

    @Test("a rollout finishes before one's eyes, without reloading")
    func rollout() async throws {
        try await Self.withConsole { fleet, driver, url in
            try await driver.open("\(url)/rollouts/\(fleet.rollout)")
            try await driver.wait(forText: "#rollout-actions .status", toBe: "Running")
            _ = try await driver.evaluate("window.wasReloaded = 'no'")
            try await driver.wait(forValue: Self.live, "the event stream") { $0 == "on" }
            while try await !fleet.advanceRollout() { try await Task.sleep(for: .milliseconds(120)) }
            try await driver.wait(forText: "#rollout-actions .status", toBe: "Completed")
            try await driver.wait(forText: "#rollout .stat .value", toContain: "19")
            #expect(try await driver.evaluate("window.wasReloaded") == "no")
            try await driver.screenshot(to: Self.artifacts.appending(path: "rollout-completed.png"))
        }
    }

    @Test("three samples are annotated by keyboard, the last one withdrawn, judged again and one skipped")
    func annotate() async throws {
        try await Self.withConsole(as: .annotator) { fleet, driver, url in
            try await driver.open("\(url)/annotate")
            try await driver.wait(forValue: Self.sampleShown, "a sample") { $0 != "" }
            let before = try #require(Int(try await driver.text("#annotated-count")))
            for (index, key) in ["1", "3", "u"].enumerated() {
                try await driver.press(key)
                try await driver.wait(forText: "#annotated-count", toBe: "\(before + index + 1)")
            }
            let counts = try await fleet.controller.store.queries.sampleCounts()
            #expect(counts.annotated == before + 3)
            #expect(counts.unusable == 1)
            try await driver.press("z")
            try await driver.wait(forText: "#annotated-count", toBe: "\(before + 2)")
            let undone = try #require(Int64(try await driver.evaluate(Self.sampleShown)))
            #expect(try await fleet.controller.store.queries.sample(undone)?.verdict == nil)
            #expect(try await fleet.controller.store.queries.annotations(of: undone).first?.withdrawnAt != nil)
            try await driver.press("2")
            try await driver.wait(forText: "#annotated-count", toBe: "\(before + 3)")
            #expect(try await fleet.controller.store.queries.sample(undone)?.verdict == .class)
            try await driver.press(WebDriver.Key.down)
            try await driver.wait(forValue: "document.activeElement?.dataset.key ?? ''", "a focused class") { $0 != "" }
            let shown = try await driver.evaluate(Self.sampleShown)
            try await driver.press("s")
            try await driver.wait(forValue: Self.sampleShown, "another sample") { $0 != "" && $0 != shown }
        }
    }

    @Test("the accuracy chart changes when a new estimate arrives")
    func chart() async throws {
        try await Self.withConsole { fleet, driver, url in
            try await driver.open("\(url)/monitoring")
            let drawing = "document.querySelector('#accuracy .chart svg.middle')?.outerHTML ?? ''"
            try await driver.wait(forValue: drawing, "the first drawing") { $0.contains("shoulder:1") }
            try await driver.wait(forValue: Self.live, "the event stream") { $0 == "on" }
            try await fleet.addEstimate(0.83, labels: 180)
            try await driver.wait(forValue: drawing, "a new drawing") { $0.contains("shoulder:2: 83 %") }
        }
    }

    @Test("a release is approved with a key file that stays in the browser")
    func approve() async throws {
        try await Self.withConsole(as: .approver) { fleet, driver, url in
            try await driver.open("\(url)/releases/shoulder-3")
            try await driver.type(try #require(fleet.keyFiles["lead"]), into: "#key-file")
            try await driver.click("form[data-release] button")
            try await driver.wait(forText: "#release .steps [aria-current]", toBe: "approved")
            let release = try await fleet.controller.store.queries.releases().first
            #expect(release?.release.stage == .approved)
            #expect(release?.signatures.count == 2)
        }
    }

    @Test(
        "a key that the browser made signs without ever being readable, and the controller refuses it until the roles list it"
    )
    func browserKey() async throws {
        try await Self.withConsole(as: .approver) { fleet, driver, url in
            try await driver.open("\(url)/settings")
            try await driver.type("lead", into: "#key-holder")
            try await driver.click("form[data-make-key] button")
            try await driver.wait(forText: "#browser-keys strong", toBe: "lead")
            let card = try await driver.text("#browser-keys pre")
            let pem = try #require(card.range(of: "-----BEGIN PUBLIC KEY-----").map { String(card[$0.lowerBound...]) })
            let key = try VerificationKey(pem: pem)
            #expect(card.contains("id: \(key.keyID)\n"))
            try await driver.screenshot(to: Self.artifacts.appending(path: "browser-key.png"))
            let stored = """
                window.held = 'waiting';
                indexedDB.open('martlet').onsuccess = (event) => {
                  event.target.result.transaction('keys').objectStore('keys').getAll().onsuccess = (found) => {
                    const key = found.target.result[0].key;
                    crypto.subtle.exportKey('pkcs8', key).then(() => { window.held = 'readable'; }, () => { window.held = key.extractable + ' ' + key.type; });
                  };
                }
                """
            _ = try await driver.evaluate("(() => { \(stored) return 'ok'; })()")
            try await driver.wait(forValue: "window.held", "what the browser holds") { $0 == "false private" }
            func sign() async throws {
                try await driver.open("\(url)/releases/shoulder-3")
                try await driver.wait(forValue: "document.querySelector('#browser-key')?.value ?? ''", "the key") {
                    $0 == key.keyID.text
                }
                try await driver.click("form[data-release] button")
            }
            try await sign()
            try await driver.wait(forText: "#toast", toContain: "none of the release keys that the roles list")
            // The browser logs the refusal's status; nothing else may be in its log.
            #expect(try await driver.errors().allSatisfy { $0.contains("status of 422") })
            #expect(try await fleet.controller.store.queries.releases().first?.signatures.count == 1)
            try await fleet.controller.store.database.write { database in
                try TrustedKeyRecord(
                    id: key.keyID, publicKey: Data(key.raw), holder: "lead", use: .release, createdAt: fleet.now
                ).insert(database)
            }
            try await sign()
            try await driver.wait(forText: "#release .steps [aria-current]", toBe: "approved")
            let release = try await fleet.controller.store.queries.releases().first
            #expect(release?.release.stage == .approved)
            #expect(release?.signatures.map(\.key).contains(key.keyID) == true)
        }
    }

    @Test("every page fits 400 and 1400 pixels, dark and light, without an error in the browser")
    func screenshots() async throws {
        let pages = [
            "/", "/devices/s1L", "/models", "/models/shoulder/2", "/releases/shoulder-3", "/rollouts", "/rollouts/2",
            "/monitoring", "/annotate", "/alerts", "/audit", "/settings",
        ]
        try await Self.withConsole { _, driver, url in
            for theme in ["dark", "light"] {
                try await driver.setCookie("martlet_theme", theme)
                for page in pages {
                    for width in [400, 1400] {
                        try await driver.resize(width: width, height: 900)
                        try await driver.open(url + page)
                        try await driver.wait(
                            forValue: "document.readyState + document.documentElement.scrollWidth",
                            "\(page) to be \(width) pixels wide"
                        ) { $0 == "complete\(width)" }
                        let height = try await driver.evaluate("document.documentElement.scrollHeight")
                        try await driver.resize(width: width, height: min(3000, Int(height) ?? 900))
                        let name = page == "/" ? "fleet" : page.dropFirst().replacingOccurrences(of: "/", with: "-")
                        try await driver.screenshot(
                            to: Self.artifacts.appending(path: "\(name)-\(width)-\(theme).png"))
                    }
                }
            }
        }
    }
}

/// Server-sent events over a real connection.
@Suite("Server-sent events")
struct ConsoleEventsTests {
    @Test("a change reaches the stream of all and only the right rollout's stream")
    func streams() async throws {
        let fleet = try await DemoFleet()
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = try ConsoleServer(
            controller: fleet.controller, configuration: ConsoleConfiguration(port: 0),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onListening: { port.yield($0) })
        let serving = Task { try await server.run() }
        defer { serving.cancel() }
        let bound = try #require(await ports.first { _ in true })
        for path in ["/api/v1/events", "/api/v1/rollouts/\(fleet.rollout)/events"] {
            var request = HTTPClientRequest(url: "http://127.0.0.1:\(bound)\(path)")
            request.headers.add(name: "Authorization", value: "Bearer \(fleet.tokens[.viewer] ?? "")")
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
            #expect(response.headers.first(name: "Content-Type") == "text/event-stream")
            var text = ""
            for try await part in response.body {
                text += String(buffer: part)
                if text == "retry: 2000\n\n" {
                    fleet.controller.events.publish(ChangeEvent(.rollout, 777))
                    fleet.controller.events.publish(ChangeEvent(.rollout, fleet.rollout))
                }
                if text.contains("\"subject\":\"\(fleet.rollout)\"") { break }
            }
            #expect(text.contains("event: change\ndata: {\"kind\":\"rollout\",\"subject\":\"\(fleet.rollout)\"}\n\n"))
            #expect(text.contains("777") == (path == "/api/v1/events"))
        }
    }
}
