import FleetModel
import Foundation
import GRDB
import Testing

@testable import FleetStore

/// A folder that goes away with the test.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }
}

@Suite("The controller's store")
struct FleetStoreTests {
    let folder: TemporaryFolder
    let store: FleetStore

    init() throws {
        folder = try TemporaryFolder()
        store = try FleetStore(folder: folder.url)
    }

    @Test("it writes ahead and syncs every commit")
    func pragmas() throws {
        let values = try store.database.write { database in
            try ["journal_mode", "synchronous", "foreign_keys"].map { name in
                try String.fetchOne(database, sql: "PRAGMA \(name)")
            }
        }
        #expect(values == ["wal", "2", "1"])
    }

    @Test("opening it again keeps what was there and migrates nothing twice")
    func reopen() throws {
        try store.database.write { try SettingRecord(key: "a", value: "1").insert($0) }
        try store.close()
        let again = try FleetStore(folder: folder.url)
        #expect(try again.database.read { try SettingRecord.fetchOne($0, key: "a")?.value } == "1")
    }

    @Test("a record of every table reads back as it was written")
    func roundTrip() throws {
        let now = Instant(milliseconds: 1_700_000_000_123)
        let digest = try #require(Digest([UInt8](0..<32)))
        let device = DeviceRecord(
            id: try DeviceID("s1R"), hardware: "x86_64-generic", signingKey: Data(1...32), createdAt: now,
            capabilities: ["zstd"])
        let slot = DeviceSlotRecord(
            device: device.id, slot: .main, desiredRelease: digest, activation: .window(startMinute: 60, endMinute: 90),
            phase: .failed, failure: .expired, champion: digest)
        var sample = SampleRecord(
            device: device.id, boot: "b", sequence: 3, slot: .main, release: digest, model: try ModelName("shoulder"),
            number: 1, capturedAt: now, receivedAt: now, tag: "", probability: 0.25, kind: .timeseries,
            frame: [1, -0.5, .infinity], frameDigest: digest, scores: [0.5, 0.5], predictedClass: "PEN",
            confidence: 0.5, margin: 0,
            tags: ["side": "R"])
        try store.database.write { database in
            try device.insert(database)
            try slot.insert(database)
            try sample.insert(database)
        }
        let (devices, slots, samples) = try store.database.read { database in
            try (
                DeviceRecord.fetchAll(database), DeviceSlotRecord.fetchAll(database), SampleRecord.fetchAll(database)
            )
        }
        #expect(devices == [device])
        #expect(slots == [slot])
        #expect(samples == [sample])
        #expect(sample.id == 1)
    }

    @Test("a second sample under the same key is refused", arguments: [1, 2])
    func exactlyOnce(boots: Int) throws {
        let inserted = try store.database.write { database -> Int in
            try database.execute(
                sql: "INSERT INTO device (id, hardware, signingKey, createdAt) VALUES ('d', 'x', x'00', 0)")
            for attempt in 0..<4 {
                try database.execute(
                    sql: """
                        INSERT OR IGNORE INTO sample (device, boot, sequence, slot, release, model, number, capturedAt,
                            receivedAt, tag, probability, kind, frame, frameDigest, scores, predictedClass, confidence, margin, tags)
                        VALUES ('d', ?, 1, 'main', x'00', 'm', 1, 0, 0, '', 1, 'table', x'', x'', x'', 'a', 1, 1, '{}')
                        """, arguments: ["boot\(attempt % boots)"])
            }
            return try Int.fetchOne(database, sql: "SELECT count(*) FROM sample") ?? 0
        }
        #expect(inserted == boots)
    }

    @Test("one condition has one open alert, and another one after it closed")
    func oneOpenAlert() throws {
        let now = Instant(milliseconds: 1)
        func alert(closedAt: Instant?) -> AlertRecord {
            AlertRecord(
                fingerprint: "drift/s1L", kind: .drift, severity: .warning, subject: "s1L", title: "t", reason: "r",
                action: "a", openedAt: now, updatedAt: now, closedAt: closedAt)
        }
        try store.database.write { database in
            for closedAt in [now, now, nil] {
                var record = alert(closedAt: closedAt)
                try record.insert(database)
            }
        }
        #expect(throws: DatabaseError.self) {
            try store.database.write { database in
                var record = alert(closedAt: nil)
                try record.insert(database)
            }
        }
    }
}

@Suite("Values in columns")
struct StoredValueTests {
    @Test(
        "an activation condition reads back",
        arguments: [ActivationCondition.now, .lotBoundary, .window(startMinute: 1380, endMinute: 60)])
    func activation(_ condition: ActivationCondition) {
        #expect(ActivationCondition(storedText: condition.storedText) == condition)
    }

    @Test("a text that is no activation condition is refused", arguments: ["", "later", "window:1", "window:0-1440"])
    func badActivation(_ text: String) {
        #expect(ActivationCondition(storedText: text) == nil)
    }

    @Test("a column that holds nothing is nil, and one that holds something else is refused")
    func unfit() throws {
        try DatabaseQueue().read { database in
            let sql = "SELECT NULL AS absent, x'00' AS bytes, 'a b' AS text"
            // As requests read rows: straight from the statement, not from a copy.
            let cursor = try Row.fetchCursor(database, sql: sql)
            let row = try #require(try cursor.next())
            #expect(try row.decode(Digest?.self, forColumn: "absent") == nil)
            #expect(try row.decode(Instant?.self, forColumn: "absent") == nil)
            #expect(try row.decode(RolloutState?.self, forColumn: "absent") == nil)
            #expect(try row.decode(ActivationCondition?.self, forColumn: "absent") == nil)
            #expect(throws: (any Error).self) { try row.decode(Digest.self, forColumn: "absent") }
            #expect(throws: (any Error).self) { try row.decode(Digest?.self, forColumn: "bytes") }
            #expect(throws: (any Error).self) { try row.decode(DeviceID?.self, forColumn: "text") }
            #expect(throws: (any Error).self) { try row.decode(RolloutState?.self, forColumn: "text") }
            #expect(throws: (any Error).self) { try row.decode(ActivationCondition?.self, forColumn: "text") }
            #expect(try cursor.next() == nil)
        }
    }

    @Test("filling holes from any side leaves the rest")
    func holes() {
        var holes = SequenceHoles([3..<6, 8..<9])
        holes.fill(4)
        #expect(holes.ranges == [3..<4, 5..<6, 8..<9])
        holes.fill(8)
        holes.fill(7)
        holes.append(10..<12)
        #expect(holes.storedText == "3-4,5-6,10-12")
        #expect(SequenceHoles(storedText: holes.storedText) == holes)
    }

    @Test("floats keep their bits, and a torn blob is no vector")
    func floats() {
        let vector = FloatVector([0, -0.0, .infinity, 1.5])
        #expect(FloatVector(data: vector.data)?.values.map(\.bitPattern) == vector.values.map(\.bitPattern))
        #expect(FloatVector(data: Data([1, 2, 3])) == nil)
    }
}
