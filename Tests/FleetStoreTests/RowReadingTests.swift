import FleetModel
import Foundation
import GRDB
import Testing

@testable import FleetStore

/// Records that are read column by column: a column that its reader leaves out would silently be nil, and one that it takes
/// for its neighbour would have the neighbour's value, so no two have the same.
@Suite("Rows read column by column")
struct RowReadingTests {
    private let database: DatabaseQueue
    private static let time = Instant(milliseconds: 1_700_000_000_123)
    private static let digest = Digest((0..<32).map { UInt8($0) })!

    init() throws {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        database = try DatabaseQueue(configuration: configuration)
        try Schema.migrator.migrate(database)
    }

    /// Stores a record that has a value everywhere and reads it back.
    private func roundTrip<R: FetchableRecord & MutablePersistableRecord & Equatable>(_ record: R) throws {
        var record = record
        for field in Mirror(reflecting: record).children where "\(field.value)" == "nil" {
            Issue.record("\(R.self).\(field.label ?? "") has no value here: give it one")
        }
        let read = try database.write { database in
            try record.insert(database)
            return try R.fetchOne(database, sql: "SELECT * FROM \(R.databaseTableName)")
        }
        #expect(read == record)
    }

    @Test("a device and its slots")
    func devices() throws {
        let id = try DeviceID("press-1")
        try roundTrip(
            DeviceRecord(
                id: id, station: try StationID("s1"), hardware: "h", signingKey: Data([1]), certificateSerial: "5a",
                createdAt: Self.time(1), revokedAt: Self.time(2), online: true, boot: "b", session: 3,
                lastSeen: Self.time(3), agentVersion: "1", runtimeVersion: "2", instructionSet: "avx2",
                capabilities: ["a", "b"], generation: 4, observedGeneration: 5, desired: Data([6]),
                publishedGeneration: 7))
        try roundTrip(
            DeviceSlotRecord(
                device: id, slot: .main, desiredRelease: Self.digests[0], activation: .lotBoundary,
                deadline: Self.time(1), rollout: 1, phase: .proving, target: Self.digests[1], progress: 0.5,
                failure: .crashed, detail: "d", champion: Self.digests[2], previous: Self.digests[3],
                reportedAt: Self.time(2)))
        try roundTrip(
            StreamCursorRecord(
                device: id, boot: "b", stream: "report", highest: 9, holes: SequenceHoles([3..<5]), received: 7,
                duplicates: 1, updatedAt: Self.time(1)))
    }

    @Test("a release and its rollout")
    func rollouts() throws {
        try roundTrip(
            ReleaseRecord(
                name: try ReleaseName("r-1"), counter: 2, stage: .approved, manifest: Data([1]),
                digest: Self.digests[0], signed: Data([2]), automationKey: try KeyID("0011223344556677"), note: "n",
                createdAt: Self.time(1), createdBy: "who", expiresAt: Self.time(2), approvedAt: Self.time(3),
                retiredAt: Self.time(4)))
        try roundTrip(
            RolloutRecord(
                id: 1, release: try ReleaseName("r-1"), selector: try Selector("a=b"), activation: .lotBoundary,
                state: .paused, pauseReason: "p", wave: 2, trainingRun: 3, createdAt: Self.time(1), createdBy: "who",
                startedAt: Self.time(2), endedAt: Self.time(3)))
        try roundTrip(
            RolloutWaveRecord(
                rollout: 1, ordinal: 2, name: "w", cumulativeShare: 0.5, selector: try Selector("a=b"),
                minimumReceipts: 0.9, maximumFailures: 0.1, soak: .seconds(2), deadline: .seconds(3),
                startedAt: Self.time(1), lastReceiptAt: Self.time(2), endedAt: Self.time(3)))
        try roundTrip(
            RolloutDeviceRecord(
                rollout: 1, device: try DeviceID("press-1"), wave: 2, state: .rolledBack, returnTo: Self.digests[0],
                offeredAt: Self.time(1), endedAt: Self.time(2), failure: .crashed, detail: "d"))
    }

    // MARK: Hand-written writers

    private static let digests = (1...4).map { start in Digest((0..<32).map { UInt8($0 + start) })! }

    private static func time(_ offset: Int64) -> Instant { Instant(milliseconds: time.milliseconds + offset) }

    /// Stores a record with its writer: into an empty table if the writer also makes rows, and over a row in which only
    /// what the writer does not own is as it will be.
    private func expectStored<R: FetchableRecord & MutablePersistableRecord & Equatable>(
        _ record: R, over before: R?, makesRows: Bool = true, by store: @escaping (R, Database) throws -> Void
    ) throws {
        for field in Mirror(reflecting: record).children where "\(field.value)" == "nil" {
            Issue.record("\(R.self).\(field.label ?? "") has no value here: give it one")
        }
        for row in [makesRows ? .some(nil) : nil, before.map { .some($0) }].compactMap({ $0 as R?? }) {
            let read = try database.write { database in
                try R.deleteAll(database)
                if var row { try row.insert(database) }
                try store(record, database)
                return try R.fetchAll(database)
            }
            #expect(read == [record], "\(row == nil ? "inserted" : "updated")")
        }
    }

    @Test("what is written of a device and its slots with every message")
    func deviceWriters() throws {
        let id = try DeviceID("press-1")
        let device = DeviceRecord(
            id: id, station: try StationID("s1"), hardware: "h", signingKey: Data([1]), certificateSerial: "2",
            createdAt: Self.time, revokedAt: Self.time, online: true, boot: "b", session: 3, lastSeen: Self.time(1),
            agentVersion: "1", runtimeVersion: "2", instructionSet: "avx2", capabilities: ["a", "b"],
            generation: 4, observedGeneration: 5, desired: Data([6]), publishedGeneration: 7)
        var unseen = device
        unseen.lastSeen = nil
        unseen.observedGeneration = 0
        try expectStored(device, over: unseen, makesRows: false) { try $0.storeSeen($1) }
        var absent = unseen
        (absent.online, absent.boot, absent.session, absent.hardware) = (false, "", 0, "")
        (absent.agentVersion, absent.runtimeVersion, absent.instructionSet) = (nil, nil, nil)
        absent.capabilities = []
        try expectStored(device, over: absent, makesRows: false) { try $0.storePresence($1) }

        let slot = DeviceSlotRecord(
            device: id, slot: .main, desiredRelease: Self.digest, activation: .lotBoundary, deadline: Self.time,
            rollout: 1, phase: .proving, target: Self.digests[0], progress: 0.5, failure: .crashed, detail: "d",
            champion: Self.digests[1], previous: Self.digests[2], reportedAt: Self.time(1))
        var unreported = DeviceSlotRecord(device: id, slot: .main)
        unreported.desiredRelease = slot.desiredRelease
        unreported.activation = slot.activation
        unreported.deadline = slot.deadline
        unreported.rollout = slot.rollout
        try expectStored(slot, over: unreported) { try $0.storeReported($1) }
        var undesired = slot
        undesired.desiredRelease = nil
        undesired.activation = DeviceSlotRecord(device: id, slot: .main).activation
        undesired.deadline = nil
        undesired.rollout = nil
        try expectStored(slot, over: undesired) { try $0.storeDesired($1) }
    }

    @Test("what is written of rollouts, cursors and reports with every message")
    func telemetryWriters() throws {
        let id = try DeviceID("press-1")
        let place = RolloutDeviceRecord(
            rollout: 1, device: id, wave: 1, state: .rolledBack, returnTo: Self.digest, offeredAt: Self.time(1),
            endedAt: Self.time(2), failure: .crashed, detail: "d")
        let untold = RolloutDeviceRecord(rollout: 1, device: id, wave: 0, state: .pending)
        try expectStored(place, over: untold) { try $0.store($1) }
        let cursor = StreamCursorRecord(
            device: id, boot: "b", stream: "report", highest: 9, holes: SequenceHoles([3..<5]), received: 7,
            duplicates: 1, updatedAt: Self.time(1))
        let earlier = StreamCursorRecord(
            device: id, boot: "b", stream: "report", highest: 2, holes: SequenceHoles([]), received: 2,
            duplicates: 0, updatedAt: Self.time)
        try expectStored(cursor, over: earlier) { try $0.store($1) }
        let report = ReportRecord(
            device: id, boot: "b", sequence: 1, slot: .main, release: Self.digest, image: Self.digests[0],
            model: try ModelName("m"), number: 2, startedAt: Self.time(1), endedAt: Self.time(2), inferences: 3,
            errors: 4, uncertain: 5, confidenceMean: 0.5, samplesOffered: 6, samplesChosen: 7, samplesDropped: 8,
            reportsDropped: 9, payload: Data([10]), receivedAt: Self.time(3))
        try expectStored(report, over: nil) { try $0.store($1) }
    }
}
