import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Sketches
import Testing

@testable import FleetController

@Suite("Drift")
struct DriftTests {
    let fleet: TestFleet
    let release: ReleaseDetail
    let device: DeviceID

    init() async throws {
        fleet = try await TestFleet()
        device = try await fleet.makeDevices(["d1"], tags: ["side": "L"])[0]
        release = try await fleet.approvedRelease()
    }

    private var window: IngestOutcome.Window {
        get throws {
            .init(device: device, slot: .main, release: try #require(release.record.digest))
        }
    }

    private func report(_ sequence: UInt64, inferences: UInt64 = 100, bins: [UInt64]) async throws {
        let report = try TestFleet.report(release, sequence: sequence, inferences: inferences, bins: bins)
        await fleet.ingest([(.report(device), report.encoded())])
    }

    private func alerts() async throws -> [AlertRecord] {
        try await fleet.read { try AlertRecord.order(Column("id")).fetchAll($0) }
    }

    @Test("a drifted window opens an alert with its reason, a normal one closes it")
    func opensAndCloses() async throws {
        let monitor = DriftMonitor(context: fleet.controller.context)
        try await report(1, bins: [100, 0])
        #expect(try await monitor.judge(try window)?.isDrifted == true)
        let alert = try #require(try await alerts().first)
        #expect(alert.kind == .drift)
        #expect(alert.subject == "d1")
        #expect(alert.reason.contains("ax"))
        #expect(alert.reason.contains("over 0.50"))
        #expect(alert.closedAt == nil)
        // The window reaches back over two reports; the third pushes the drifted one out.
        try await report(2, bins: [50, 50])
        try await report(3, bins: [50, 50])
        #expect(try await monitor.judge(try window)?.isDrifted == false)
        #expect(try await alerts().map { $0.closedAt != nil } == [true])
    }

    @Test("below the minimum of inferences nothing is judged and nothing stored")
    func tooFew() async throws {
        try await report(1, inferences: 99, bins: [99, 0])
        let verdict = try await DriftMonitor(context: fleet.controller.context).judge(try window)
        #expect(verdict?.outcome == .tooFewInferences)
        #expect(try await alerts().isEmpty)
        #expect(try await fleet.read { try DriftPointRecord.fetchCount($0) } == 0)
    }

    @Test("a device with one inference a report is judged too, over as many reports as that takes")
    func seldom() async throws {
        for sequence in 1...99 as ClosedRange<UInt64> { try await report(sequence, inferences: 1, bins: [1, 0]) }
        let monitor = DriftMonitor(context: fleet.controller.context)
        #expect(try await monitor.judge(try window)?.outcome == .tooFewInferences)
        for sequence in 100...130 as ClosedRange<UInt64> {
            // A report without inferences says nothing and takes no place.
            try await report(sequence, inferences: sequence.isMultiple(of: 2) ? 1 : 0, bins: [1, 0])
        }
        let verdict = try #require(try await monitor.judge(try window))
        #expect(verdict.outcome == .drifted)
        #expect(verdict.inferences == 100)
    }

    @Test("reports merge by addition: four quarters give the verdict of the whole")
    func merging() async throws {
        let baseline = TestFleet.part().baseline
        var whole = DriftWindow(baseline: baseline)
        try whole.merge(try TestFleet.report(release, inferences: 200, bins: [160, 40]))
        var quarters = DriftWindow(baseline: baseline)
        for sequence in 1...4 as ClosedRange<UInt64> {
            try quarters.merge(try TestFleet.report(release, sequence: sequence, inferences: 50, bins: [40, 10]))
        }
        #expect(try whole.verdict() == quarters.verdict())
        #expect(quarters.isFull)
    }

    @Test("points are stored per feature, with the threshold and the window's size")
    func points() async throws {
        try await report(1, bins: [100, 0])
        _ = try await DriftMonitor(context: fleet.controller.context).judge(try window)
        let points = try await fleet.read { try DriftPointRecord.order(Column("feature")).fetchAll($0) }
        #expect(points.map(\.feature) == ["ax", "predictions"])
        #expect(points.map(\.threshold) == [0.5, 0])
        #expect(points.allSatisfy { $0.inferences == 100 })
    }

    @Test("a group is judged on its devices' windows merged")
    func groups() async throws {
        let other = try await fleet.makeDevices(["d2"], tags: ["side": "L"])[0]
        for id in [device, other] { await fleet.ingest([try await fleet.committed(id, release)]) }
        try await report(1, inferences: 60, bins: [60, 0])
        let report = try TestFleet.report(release, inferences: 60, bins: [0, 60])
        await fleet.ingest([(.report(other), report.encoded())])
        let groups = try await fleet.controller.monitoring.groupDrift(by: "side")
        #expect(groups.map(\.group) == ["side=L"])
        #expect(groups.first?.devices == 2)
        #expect(groups.first?.verdict.inferences == 120)
        #expect(groups.first?.verdict.isDrifted == false)
    }
}

@Suite("Alerts")
struct AlertTests {
    private static func condition(_ reason: String) -> AlertCondition {
        AlertCondition(
            fingerprint: "f", kind: .drift, severity: .warning, subject: "d1", title: "t", reason: reason, action: "a")
    }

    @Test("a condition that goes on is one alert; webhooks hear of its opening and its closing only")
    func dedupe() async throws {
        let fleet = try await TestFleet()
        let drift = try await fleet.controller.webhooks.create(url: "http://127.0.0.1:1/a", kinds: [.drift], by: .local)
        _ = try await fleet.controller.webhooks.create(url: "http://127.0.0.1:1/b", kinds: [.rollout], by: .local)
        for reason in ["1", "2", "3"] { try await fleet.controller.alerts.open(Self.condition(reason)) }
        try await fleet.controller.alerts.close(fingerprint: "f")
        try await fleet.controller.alerts.close(fingerprint: "f")
        let alert = try #require(try await fleet.read { try AlertRecord.fetchOne($0) })
        #expect(alert.occurrences == 3)
        #expect(alert.reason == "3")
        let deliveries = try await fleet.read { try WebhookDeliveryRecord.order(Column("id")).fetchAll($0) }
        #expect(deliveries.map(\.webhook) == [drift.id, drift.id])
        let bodies = deliveries.map { String(decoding: $0.body, as: UTF8.self) }
        #expect(bodies[0].contains(#""status":"firing""#))
        #expect(bodies[1].contains(#""status":"resolved""#))
        #expect(bodies[0].contains(#""version":"4""#))
    }

    @Test("an acknowledged alert stays open and says who has seen it")
    func acknowledge() async throws {
        let fleet = try await TestFleet()
        try await fleet.controller.alerts.open(Self.condition("r"))
        let alert = try await fleet.controller.alerts.acknowledge(1, by: TestFleet.alice)
        #expect(alert.acknowledgedBy == "alice")
        #expect(alert.closedAt == nil)
    }

    @Test("a webhook that is away is tried again with growing pauses and given up at the limit")
    func retries() {
        var limits = WebhookLimits()
        limits.attempts = 4
        limits.longestPause = .seconds(3)
        var delivery = WebhookDeliveryRecord(
            webhook: 1, alert: 1, body: .init(), state: .pending, nextAt: .epoch, createdAt: .epoch)
        var pauses: [Int64] = []
        while delivery.state == .pending {
            delivery = WebhookQueue.after(delivery, failure: "away", limits: limits, at: .epoch)
            pauses.append(delivery.nextAt.milliseconds)
        }
        #expect(pauses == [1000, 2000, 3000, 3000])
        #expect(delivery.state == .failed)
        #expect(delivery.lastError == "away")
        delivery.state = .pending
        #expect(WebhookQueue.after(delivery, failure: nil, limits: limits, at: .epoch).state == .delivered)
    }

    @Test("a receiver that does not answer delays nobody but itself")
    func slowReceiver() async throws {
        let fleet = try await TestFleet()
        let deaf = try SilentListener()
        _ = try await fleet.controller.webhooks.create(url: "http://127.0.0.1:\(deaf.port)/", by: .local)
        let rude = try SilentListener(hangsUp: true)
        _ = try await fleet.controller.webhooks.create(url: "http://127.0.0.1:\(rude.port)/", by: .local)
        for name in ["f", "g"] {
            var condition = Self.condition("r")
            condition.fingerprint = name
            try await fleet.controller.alerts.open(condition)
        }
        let working = Task { await fleet.controller.webhooks.run() }
        defer { working.cancel() }
        // Both messages to the other receiver are tried while the first to the deaf one still waits (10 s).
        let start = ContinuousClock.now
        var tried = 0
        while tried < 2, ContinuousClock.now - start < .seconds(8) {
            try await Task.sleep(for: .milliseconds(50))
            tried = try await fleet.read {
                try WebhookDeliveryRecord.filter(Column("webhook") == 2 && Column("attempts") > 0).fetchCount($0)
            }
        }
        #expect(tried == 2)
        let waiting = try await fleet.read {
            try WebhookDeliveryRecord.filter(Column("webhook") == 1 && Column("attempts") > 0).fetchCount($0)
        }
        #expect(waiting == 0)
    }

    @Test("a delivery to a closed port stays queued with the reason")
    func closedPort() async throws {
        let fleet = try await TestFleet()
        _ = try await fleet.controller.webhooks.create(url: "http://127.0.0.1:1/", by: .local)
        try await fleet.controller.alerts.open(Self.condition("r"))
        #expect(try await fleet.controller.webhooks.deliverDue() == 1)
        let delivery = try #require(try await fleet.read { try WebhookDeliveryRecord.fetchOne($0) })
        #expect(delivery.state == .pending)
        #expect(delivery.attempts == 1)
        #expect(delivery.lastError != nil)
        #expect(delivery.nextAt > fleet.clock.now)
    }

    @Test("the signature is HMAC-SHA256 as in RFC 4231, test cases 2 and 6")
    func hmac() {
        let short = HMAC.sha256(key: [UInt8]("Jefe".utf8), message: [UInt8]("what do ya want for nothing?".utf8))
        #expect(Hexadecimal.text(short) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        let long = HMAC.sha256(
            key: [UInt8](repeating: 0xAA, count: 131),
            message: [UInt8]("Test Using Larger Than Block-Size Key - Hash Key First".utf8))
        #expect(Hexadecimal.text(long) == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }
}

/// Listens and never answers: connections wait in the kernel's queue.
private final class SilentListener {
    let port: Int
    private let descriptor: Int32

    /// - Parameter hangsUp: ends every connection at once instead of leaving it without an answer.
    init(hangsUp: Bool = false) throws {
        port = try LocalPort.free(on: "127.0.0.1")
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(code == 0 && listen(descriptor, 8) == 0)
        guard hangsUp else { return }
        let listening = descriptor
        Thread.detachNewThread {
            while case let connection = accept(listening, nil, nil), connection >= 0 { close(connection) }
        }
    }

    deinit {
        // Wakes the thread that accepts; closing alone would leave it waiting.
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }
}
