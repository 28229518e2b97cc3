import DeviceCore
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import GRDBSQLite

/// Reads databases from outside: what a person with a second SQLite shell would see.
struct Inspector {
    /// Pulls that a device's database speaks of.
    func pulls(of device: VirtualDevice) -> [(blob: Digest, map: BlobMap, bitmap: ChunkBitmap)] {
        guard device.boots > 1 else { return [] }
        var handle: OpaquePointer?
        defer { sqlite3_close_v2(handle) }
        guard sqlite3_open_v2("\(device.folder)/device.db", &handle, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK else {
            return []
        }
        var statement: OpaquePointer?
        defer { sqlite3_finalize(statement) }
        guard sqlite3_prepare_v2(handle, "SELECT blob, map, bitmap FROM pull", -1, &statement, nil) == SQLITE_OK else {
            return []
        }
        var pulls: [(blob: Digest, map: BlobMap, bitmap: ChunkBitmap)] = []
        while sqlite3_step(statement) == SQLITE_ROW {
            let columns = (0..<3).map { column -> [UInt8] in
                guard let start = sqlite3_column_blob(statement, Int32(column)) else { return [] }
                return Array(
                    UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, Int32(column)))))
            }
            guard let blob = Digest(columns[0]), let map = try? BlobMap(decoding: columns[1]),
                let bitmap = ChunkBitmap(count: map.chunks.count, bytes: columns[2])
            else { continue }
            pulls.append((blob, map, bitmap))
        }
        return pulls
    }

    /// All reports and samples in the controller's database, by device.
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
        let samples = try Row.fetchCursor(database, sql: "SELECT device, boot, sequence FROM sample")
        while let row = try samples.next() {
            let key = MessageKey(stream: .sample, boot: row["boot"], sequence: UInt64(row["sequence"] as Int64))
            stored[row["device"], default: StoredMessages()].messages[key] = []
        }
        return stored
    }

    /// Devices whose receipt for a release is stored.
    func receipts(_ database: Database, of release: Digest) throws -> Set<String> {
        Set(
            try String.fetchAll(
                database, sql: "SELECT DISTINCT device FROM receipt WHERE release = ?", arguments: [release]))
    }
}
