import AsyncHTTPClient
import DemoFleet
import FleetConsole
import Foundation
import Logging
import NIOCore
import Testing

/// `/metrics` in the eyes of Prometheus' own tool.
@Suite("Metrics")
struct ConsoleMetricsTests {
    /// Debian's package prometheus.
    static let promtool = "/usr/bin/promtool"
    static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: promtool) }

    @Test("promtool finds nothing to complain about", .enabled(if: isInstalled, "apt-get install prometheus"))
    func promtool() async throws {
        let fleet = try await DemoFleet()
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = try ConsoleServer(
            controller: fleet.controller, configuration: ConsoleConfiguration(port: 0),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onListening: { port.yield($0) })
        let serving = Task { try await server.run() }
        defer { serving.cancel() }
        let bound = try #require(await ports.first { _ in true })
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(bound)/metrics")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        let file = fleet.folder.appending(path: "metrics.txt")
        try Data((try await response.body.collect(upTo: 1 << 20)).readableBytesView).write(to: file)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.promtool)
        process.arguments = ["check", "metrics"]
        process.standardInput = try FileHandle(forReadingFrom: file)
        let status = try await withCheckedThrowingContinuation { (result: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { result.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { result.resume(throwing: error) }
        }
        #expect(status == 0, "promtool: 1 is a parse error, 3 a complaint of its linter")
    }
}
