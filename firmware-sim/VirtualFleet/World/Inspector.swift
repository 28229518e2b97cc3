import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB

/// Reads databases from outside: what a person with a second SQLite shell would see.
struct Inspector {
    /// All reports, samples and messages of logs in the controller's database, by device.
    func messages(_ database: Database) throws -> [String: StoredMessages] {
        var stored: [String: StoredMessages] = [:]
        let reports = try Row.fetchCursor(
            database, sql: "SELECT device, boot, sequence, payload, inferences FROM report")
        while let row = try reports.next() {
            let key = MessageKey(stream: .report, boot: row["boot"], sequence: UInt64(row["sequence"] as Int64))
            let payload: [UInt8] = Array(row["payload"] as Data)
            stored[row["device"], default: StoredMessages()].messages[key] = payload
            stored[row["device"], default: StoredMessages()].inferences += row["inferences"]
        }
        for (stream, table) in [(StreamKind.sample, "sample"), (.log, "device_log WHERE line = 0")] {
            let rows = try Row.fetchCursor(database, sql: "SELECT device, boot, sequence FROM \(table)")
            while let row = try rows.next() {
                let key = MessageKey(stream: stream, boot: row["boot"], sequence: UInt64(row["sequence"] as Int64))
                stored[row["device"], default: StoredMessages()].messages[key] = []
            }
        }
        return stored
    }

    /// What the controller holds in the end, added to a chronicle.
    func complete(_ chronicle: Chronicle, _ database: Database) throws -> Chronicle {
        var chronicle = chronicle
        for row in try Row.fetchAll(database, sql: "SELECT release, state FROM rollout ORDER BY id") {
            chronicle.rollouts[row["release"]] = row["state"]
        }
        chronicle.alerts = try Row.fetchAll(database, sql: "SELECT kind, subject, title FROM alert ORDER BY id").map {
            Chronicle.Alert(kind: $0["kind"], subject: $0["subject"], title: $0["title"])
        }
        chronicle.reportsStored = try Int.fetchOne(database, sql: "SELECT count(*) FROM report") ?? 0
        chronicle.samplesStored = try Int.fetchOne(database, sql: "SELECT count(*) FROM sample") ?? 0
        return chronicle
    }

    /// Rollouts that are under way.
    func openRollouts(_ database: Database) throws -> Int {
        try Int.fetchOne(
            database, sql: "SELECT count(*) FROM rollout WHERE state IN ('running', 'aborting', 'rollingBack')") ?? 0
    }

    /// Devices whose receipt for a release is stored.
    func receipts(_ database: Database, of release: Digest) throws -> Set<String> {
        Set(
            try String.fetchAll(
                database, sql: "SELECT DISTINCT device FROM receipt WHERE release = ?", arguments: [release]))
    }
}
