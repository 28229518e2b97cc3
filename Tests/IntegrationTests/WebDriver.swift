import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Drives a headless Chromium through a `chromedriver` child (https://www.w3.org/TR/webdriver2/): only what tests need.
final class WebDriver: Sendable {
    /// Why a command failed.
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Keys of the keyboard that have no character of their own.
    enum Key {
        static let enter = "\u{E007}"
        static let down = "\u{E015}"
    }

    /// Debian's package chromium-driver.
    static let executable = "/usr/bin/chromedriver"
    static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: executable) }

    /// The name under which WebDriver hands out elements.
    private static let elementKey = "element-6066-11e4-a52e-4f735466cecf"
    private static let startSeconds = 20
    /// How long a page may take to show what a test awaits, on a machine that is busy with other things.
    static let patience: Duration = .seconds(30)

    private let process: Process
    private let base: String
    private let session: String
    private let http = HTTPClient.shared

    /// Starts the driver on a free port and a browser in it.
    init() async throws {
        let port = Int.random(in: 20_000...29_999)
        process = Process()
        process.executableURL = URL(fileURLWithPath: Self.executable)
        process.arguments = ["--port=\(port)"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        base = "http://127.0.0.1:\(port)"
        let options: [String: Any] = [
            "goog:loggingPrefs": ["browser": "ALL"],
            "goog:chromeOptions": [
                "args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"]
            ],
        ]
        var answer: Any?
        for _ in 0..<Self.startSeconds * 5 where answer == nil {
            answer = try? await Self.send(
                http, .POST, "\(base)/session", ["capabilities": ["alwaysMatch": options]])
            if answer == nil { try await Task.sleep(for: .milliseconds(200)) }
        }
        guard let id = (answer as? [String: Any])?["sessionId"] as? String else {
            process.terminate()
            throw Failure(description: "chromedriver gave no session within \(Self.startSeconds) s")
        }
        session = "\(base)/session/\(id)"
    }

    /// Ends browser and driver.
    func quit() async {
        _ = try? await Self.send(http, .DELETE, session, nil)
        // Not `waitUntilExit`: it spins for ever off the main thread.
        kill(process.processIdentifier, SIGKILL)
    }

    // MARK: - Commands

    func open(_ url: String) async throws { _ = try await Self.send(http, .POST, "\(session)/url", ["url": url]) }

    /// Clicks an element as soon as it is there.
    func click(_ selector: String) async throws {
        try await onElement(selector) { _ = try await Self.send(http, .POST, "\(session)/element/\($0)/click", [:]) }
    }

    /// Types into an element as soon as it is there; for a file input the text is the file's path.
    func type(_ text: String, into selector: String) async throws {
        try await onElement(selector) {
            _ = try await Self.send(http, .POST, "\(session)/element/\($0)/value", ["text": text])
        }
    }

    /// Presses keys wherever the focus is.
    func press(_ keys: String...) async throws {
        let actions = keys.flatMap { [["type": "keyDown", "value": $0], ["type": "keyUp", "value": $0]] }
        _ = try await Self.send(
            http, .POST, "\(session)/actions", ["actions": [["type": "key", "id": "keyboard", "actions": actions]]])
    }

    /// The visible text of an element, empty while there is none. One script, because a live page may replace an
    /// element between two commands.
    func text(_ selector: String) async throws -> String {
        try await evaluate(Self.visibleText(of: selector))
    }

    /// What a script returns, as text.
    func evaluate(_ expression: String) async throws -> String {
        let value = try await Self.send(
            http, .POST, "\(session)/execute/sync", ["script": "return String(\(expression))", "args": [Any]()])
        return value as? String ?? ""
    }

    func setCookie(_ name: String, _ value: String) async throws {
        _ = try await Self.send(
            http, .POST, "\(session)/cookie", ["cookie": ["name": name, "value": value, "path": "/"]])
    }

    /// Sets the size of the page, which a window of a headless Chromium cannot go below 500 pixels for.
    func resize(width: Int, height: Int) async throws {
        let metrics: [String: Any] = ["width": width, "height": height, "deviceScaleFactor": 1, "mobile": false]
        _ = try await Self.send(
            http, .POST, "\(session)/goog/cdp/execute",
            ["cmd": "Emulation.setDeviceMetricsOverride", "params": metrics])
    }

    func screenshot(to file: URL) async throws {
        let text = try await Self.send(http, .GET, "\(session)/screenshot", nil) as? String ?? ""
        guard let image = Data(base64Encoded: text) else { throw Failure(description: "no screenshot") }
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try image.write(to: file)
    }

    /// Errors that the browser has logged, such as scripts that the content policy refused; a page that is answered 401
    /// is none.
    func errors() async throws -> [String] {
        let entries = try await Self.send(http, .POST, "\(session)/se/log", ["type": "browser"]) as? [[String: Any]]
        return (entries ?? []).filter { $0["level"] as? String == "SEVERE" }.compactMap { $0["message"] as? String }
            .filter { !$0.contains("status of 401") }
    }

    /// Waits until a condition holds. A command that fails meanwhile, because the page is just being replaced, counts as
    /// "not yet"; its message is told if the deadline passes.
    func wait(
        for what: String, within limit: Duration = WebDriver.patience, until condition: () async throws -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + limit
        var trouble: (any Error)?
        repeat {
            do {
                if try await condition() { return }
                trouble = nil
            } catch {
                trouble = error
            }
            try await Task.sleep(for: .milliseconds(50))
        } while ContinuousClock.now < deadline
        throw Failure(description: "waited \(limit) for \(what)\(trouble.map { "; last: \($0)" } ?? "")")
    }

    /// Waits until the visible text of an element is as expected; a failure tells what it was at last.
    func wait(forText selector: String, toBe expected: String) async throws {
        try await wait(forText: selector, "'\(expected)'") { $0 == expected }
    }

    /// Waits until the visible text of an element contains a part; a failure tells what it was at last.
    func wait(forText selector: String, toContain part: String) async throws {
        try await wait(forText: selector, "something with '\(part)'") { $0.contains(part) }
    }

    /// Waits until a script's value, as text, is as expected; a failure tells what it was at last.
    func wait(forValue expression: String, _ what: String, until accept: (String) -> Bool) async throws {
        var last = ""
        do {
            try await wait(for: what) {
                last = try await evaluate(expression)
                return accept(last)
            }
        } catch let failure as Failure {
            throw Failure(description: "\(failure); \(expression) was '\(last.prefix(400))'")
        }
    }

    // MARK: - Parts

    private func wait(forText selector: String, _ what: String, until accept: (String) -> Bool) async throws {
        try await wait(forValue: Self.visibleText(of: selector), "\(selector) to read \(what)", until: accept)
    }

    private static func visibleText(of selector: String) -> String {
        "document.querySelector(\"\(selector)\")?.innerText ?? ''"
    }

    /// Does something with an element, which may still be on its way or be replaced just now.
    private func onElement(_ selector: String, _ body: (String) async throws -> Void) async throws {
        try await wait(for: "'\(selector)'") {
            try await body(try await element(selector))
            return true
        }
    }

    private func element(_ selector: String) async throws -> String {
        let value = try await Self.send(
            http, .POST, "\(session)/element", ["using": "css selector", "value": selector])
        guard let id = (value as? [String: Any])?[Self.elementKey] as? String else {
            throw Failure(description: "there is no '\(selector)'")
        }
        return id
    }

    private static func send(
        _ http: HTTPClient, _ method: HTTPMethod, _ url: String, _ body: [String: Any]?
    ) async throws -> Any? {
        var request = HTTPClientRequest(url: url)
        request.method = method
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: body)))
        }
        let response = try await http.execute(request, timeout: .seconds(60))
        let bytes = try await response.body.collect(upTo: 64 << 20)
        let document = try JSONSerialization.jsonObject(with: Data(bytes.readableBytesView)) as? [String: Any]
        guard (200..<300).contains(Int(response.status.code)) else {
            let error = document?["value"] as? [String: Any]
            throw Failure(description: "\(method.rawValue) \(url): \(error?["message"] ?? response.status)")
        }
        return document?["value"].flatMap { $0 is NSNull ? nil : $0 }
    }
}
