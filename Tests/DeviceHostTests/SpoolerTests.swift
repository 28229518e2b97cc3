import DeviceCore
import FleetCrypto
import FleetModel
import FleetWire
import Foundation
import Sketches
import Testing

@testable import DeviceHost

/// The spool's account of what lies on the disk.
struct SpoolerTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "spooler-\(UUID().uuidString)")

    private func report(_ key: SpoolKey) -> Report {
        let digest = SHA256.hash("a release".utf8)
        let start = Instant(milliseconds: Int64(key.sequence) * 60_000)
        return Report(
            boot: key.boot, sequence: key.sequence, slot: .main, release: digest, image: digest,
            version: VersionID(model: ModelName(unchecked: "m"), number: 1), start: start,
            end: start.advanced(by: .seconds(60)), inferences: key.sequence, errors: 0, uncertain: 0, features: [],
            predictions: [], confidence: Moments(), margin: Moments(), latency: LatencyHistogram(), samplesOffered: 0,
            samplesChosen: 0, samplesDropped: 0, reportsDropped: 0)
    }

    @Test("a report that is merged away in the transaction that brought it leaves nothing to wait for")
    func mergedWhilePending() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let store = try DeviceStore(path: folder.appending(path: "device.db").path())
        var limits = SpoolLimits()
        limits.reports = 2
        limits.logBytes = 0
        let spooler = Spooler(store: store, boot: "b", limits: limits, stored: [])
        for _ in 0..<3 {
            try #require(try spooler.makeRoomForReport(isUrgent: false))
            let key = spooler.nextKey(.report)
            try spooler.add(key, parts: [report(key).encoded()], at: .epoch, flushAfter: .seconds(1))
        }
        try store.commit()
        _ = spooler.committed(at: .epoch)
        let stored = try store.spooled()
        #expect(stored.map(\.key.sequence) == [2, 3])
        #expect(spooler.count(.report) == 2)
        #expect(spooler.room.shares[.report].bytes == stored.reduce(0) { $0 + $1.bytes })
        let inferences = try stored.map { try Report(decoding: try store.spooled($0.key)[0]).inferences }
        #expect(inferences == [3, 3])
    }
}
