import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Testing

@testable import FleetController

@Suite("Retention")
struct RetentionTests {
    private static let day = Interval.days(1)

    private func fleet() async throws -> TestFleet {
        try await TestFleet {
            $0.retention.reports = Self.day
            $0.retention.samples = Self.day
            $0.retention.receipts = Self.day
        }
    }

    private func retire(_ fleet: TestFleet) async throws {
        try await Housekeeping(context: fleet.controller.context).retire()
    }

    @Test("old reports go, and one that comes again is still a duplicate")
    func reports() async throws {
        let fleet = try await fleet()
        let device = try await fleet.makeDevices(["d1"])[0]
        let release = try await fleet.approvedRelease()
        let first = try TestFleet.report(release, sequence: 1)
        await fleet.ingest([(.report(device), first.encoded())])
        fleet.clock.advance(.minutes(25 * 60))
        await fleet.ingest([(.report(device), try TestFleet.report(release, sequence: 2).encoded())])
        try await retire(fleet)
        func sequences() async throws -> [Int64] {
            try await fleet.read { try Int64.fetchAll($0, sql: "SELECT sequence FROM report") }
        }
        #expect(try await sequences() == [2])
        await fleet.ingest([(.report(device), first.encoded())])
        #expect(try await sequences() == [2], "it was counted twice")
    }

    @Test("old samples go unless somebody annotated them, withdrew that, or a dataset version holds them")
    func samples() async throws {
        let fleet = try await fleet()
        let device = try await fleet.makeDevices(["d1"])[0]
        let release = try await fleet.approvedRelease()
        for sequence in 1...5 as ClosedRange<UInt64> {
            let sample = try TestFleet.sample(release, sequence: sequence, values: [Float(sequence), 0, 0, 0])
            await fleet.ingest([(.sample(device), sample.encoded())])
        }
        let samples = fleet.controller.samples
        for id in 1...3 as ClosedRange<Int64> {
            _ = try await samples.annotate(id, verdict: .class, className: "PEN", by: TestFleet.alice)
        }
        _ = try await fleet.controller.datasets.create(
            "d", input: TestFleet.input, classes: TestFleet.classes, by: TestFleet.alice)
        _ = try await fleet.controller.datasets.cut("d", includeAnnotations: true, by: TestFleet.alice)
        _ = try await samples.withdraw(2, by: TestFleet.alice)
        fleet.clock.advance(.minutes(25 * 60))
        try await retire(fleet)
        #expect(try await fleet.read { try Int64.fetchAll($0, sql: "SELECT id FROM sample ORDER BY id") } == [1, 2, 3])
        #expect(try await fleet.controller.datasets.items("d", version: 1).count == 3)
    }

    @Test("old receipts go, but never a device's newest nor that of a release that it runs or may return to")
    func receipts() async throws {
        let fleet = try await fleet()
        let device = try await fleet.makeDevices(["d1"])[0]
        for _ in 1...3 {
            let release = try await fleet.approvedRelease()
            fleet.clock.advance(.seconds(1))
            await fleet.ingest([try await fleet.committed(device, release)])
        }
        func count() async throws -> Int { try await fleet.read { try ReceiptRecord.fetchCount($0) } }
        #expect(try await count() == 3)
        fleet.clock.advance(.minutes(25 * 60))
        try await retire(fleet)
        #expect(try await count() == 1)
        let (left, slot) = try await fleet.read {
            (try ReceiptRecord.fetchOne($0)?.release, try DeviceSlotRecord.fetchOne($0)?.champion)
        }
        #expect(left == slot)
    }

    @Test("what is kept for ever is kept, and a great many rows go in parts")
    func bounds() async throws {
        let fleet = try await TestFleet {
            $0.retention.reports = Self.day
            $0.retention.samples = nil
        }
        let device = try await fleet.makeDevices(["d1"])[0]
        let release = try await fleet.approvedRelease()
        let sample = try TestFleet.sample(release)
        await fleet.ingest([(.sample(device), sample.encoded())])
        let report = try TestFleet.report(release)
        await fleet.ingest([(.report(device), report.encoded())])
        try await fleet.controller.store.database.write { database in
            let row = try #require(try ReportRecord.fetchOne(database))
            for sequence in 2...Int64(Housekeeping.rowsAtOnce + 10) {
                var copy = row
                copy.sequence = sequence
                try copy.insert(database)
            }
        }
        fleet.clock.advance(.minutes(25 * 60))
        try await retire(fleet)
        #expect(try await fleet.read { try ReportRecord.fetchCount($0) } == 0)
        #expect(try await fleet.read { try SampleRecord.fetchCount($0) } == 1)
    }
}

@Suite("Change events")
struct EventHubTests {
    @Test("a reader that is too slow keeps a bounded number of events and is told that it lost some")
    func loss() async {
        let hub = EventHub()
        let slow = hub.subscribe()
        let picky = hub.subscribe { $0.kind == .alert }
        for number in 0..<ControllerLimits.eventBacklog { hub.publish(ChangeEvent(.device, number)) }
        #expect(!slow.takeLoss())
        hub.publish(ChangeEvent(.device, "one more"))
        #expect(slow.takeLoss())
        #expect(!slow.takeLoss())
        #expect(!picky.takeLoss())
        picky.beat()
        hub.finish()
        var read = 0
        for await _ in slow.notices { read += 1 }
        #expect(read == ControllerLimits.eventBacklog)
        var notices: [EventNotice] = []
        for await notice in picky.notices { notices.append(notice) }
        #expect(notices == [.beat])
    }
}
