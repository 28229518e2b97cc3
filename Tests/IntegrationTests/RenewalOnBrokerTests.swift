import DeviceHost
import Dispatch
import FleetController
import FleetCrypto
import FleetModel
import FleetStore
import Foundation
import GRDB
import Logging
import MQTTTransport
import Synchronization
import Testing

/// The agent's own device on the real controller and a real broker, when its certificate nears its end.
@Suite("Certificates on a real broker", .serialized)
struct RenewalOnBrokerTests {
    private static let alice = Identity(name: "alice", role: .operator)
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// A machine whose clock is ahead.
    private struct LateClock: TimeSource {
        let ahead: Interval
        var system: Instant { Instant.now().advanced(by: ahead) }
        var monotonicMicroseconds: Int { Int(DispatchTime.now().uptimeNanoseconds / 1000) }
    }

    private final class Notices: Sendable {
        private let texts = Mutex<[String]>([])
        func add(_ notice: DeviceNotice) { texts.withLock { $0.append("\(notice)") } }
        func saw(_ text: String) -> Bool { texts.withLock { $0.contains { $0.contains(text) } } }
        var all: [String] { texts.withLock { $0 } }
    }

    @Test(
        "a device whose certificate nears its end gets another over its session, comes back with it, and revoking it ends both; a key by URI stays",
        arguments: [false, true])
    func renewal(byURI: Bool) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "renewal-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let log = LogLines()
        let controller = try await FleetController.open(
            configuration: ControllerConfiguration(dataFolder: folder), logger: Logger(label: "test") { _ in log })
        let identity = folder.appending(path: "d1").path()
        try await controller.devices.provision(DeviceRequest(id: DeviceID("d1")), by: Self.alice).write(to: identity)
        if byURI { try Self.nameKey(of: identity) }
        let key = try String(contentsOfFile: "\(identity)/key.pem", encoding: .utf8)
        let old = try Certificate(pemFile: "\(identity)/cert.pem").serial
        let running = Task { try await controller.run() }
        // A device whose request nobody hears asks again after an hour.
        try await eventually("the controller listens") {
            log.lines.contains { $0.contains("connected to the broker") }
        }
        let loop = try MQTTLoop()
        loop.start()
        let notices = Notices()
        let host = try host(identity, on: loop, telling: notices)
        host.start()
        try await eventually("renewed: \(notices.all)") { notices.saw("connected with a new certificate") }
        let new = try Certificate(pemFile: "\(identity)/cert.pem")
        #expect(new.serial != old)
        #expect(try new.matches(PrivateKey(pemFile: "\(identity)/key.pem")))
        #expect(try (String(contentsOfFile: "\(identity)/key.pem", encoding: .utf8) == key) == byURI)
        #expect(try !FileManager.default.contentsOfDirectory(atPath: identity).contains { $0.hasSuffix(".next") })
        let record = try await controller.store.database.read { try DeviceRecord.fetchOne($0, key: "d1") }
        #expect(record?.certificateSerial == new.serial)
        try await eventually("online again") { try await controller.store.queries.deviceCounts().online == 1 }

        try await expectRevocation(controller, notices)
        let list = try String(contentsOf: folder.appending(path: "pki/revoked.json"), encoding: .utf8)
        #expect(list.contains(old) && list.contains(new.serial))
        await withCheckedContinuation { done in host.stop { done.resume() } }
        loop.stop()
        running.cancel()
        _ = await running.result
        try controller.store.close()
    }

    /// As if a provider of OpenSSL held the key: the one for `file:` is always there.
    private static func nameKey(of identity: String) throws {
        let file = URL(filePath: "\(identity)/device.conf")
        let text = try String(contentsOf: file, encoding: .utf8)
        try (text + "key = file:\(identity)/key.pem\n").write(to: file, atomically: true, encoding: .utf8)
    }

    /// The agent's device with a certificate that has a month left.
    private func host(_ identity: String, on loop: MQTTLoop, telling notices: Notices) throws -> DeviceHost {
        var platform = DevicePlatform.system(loop: loop)
        platform.time = LateClock(ahead: .days(5 * 365 - 30))
        return try DeviceHost(
            configuration: DeviceConfiguration(identity: identity, folder: "\(identity)/state"), platform: platform,
            observer: { notices.add($0) })
    }

    private func expectRevocation(_ controller: FleetController, _ notices: Notices) async throws {
        let start = ContinuousClock.now
        try await controller.devices.revoke(DeviceID("d1"), reason: "stolen", by: Self.alice)
        try await eventually("the session ends: \(notices.all)") { notices.saw("disconnected") }
        #expect(ContinuousClock.now - start < .seconds(60))
        try await eventually("it stays out: \(notices.all)") { notices.saw("cannot reach the broker") }
        try await eventually("people are told") { try await controller.store.queries.openAlerts()[.identity] == 1 }
    }

    private func eventually(
        _ what: @autoclosure () -> String, _ condition: () async throws -> Bool
    ) async throws {
        for _ in 0..<1500 {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("it did not happen within thirty seconds: \(what())")
    }
}
