import Foundation
import Testing

@testable import DeviceHost

/// Transactions of the device's database: of which a write fails, and what they cost the flash.
struct DatabaseTransactionTests {
    @Test("a commit after a failed write tells that write's cause, keeps nothing of it, and the next one works")
    func cause() throws {
        try withDatabase { database, _ in
            try database.execute("CREATE TABLE note (text TEXT)")
            try database.execute("PRAGMA max_page_count = 8")
            try database.write("INSERT INTO note VALUES ('pending')")
            #expect(throws: DeviceError.self) { try database.write("INSERT INTO note VALUES (hex(zeroblob(65536)))") }
            do throws(DeviceError) {
                try database.commit()
                Issue.record("half of a transaction was committed")
            } catch {
                #expect(error.code == .noSpace)
                #expect(error.context.contains("earlier write"))
            }
            try database.write("INSERT INTO note VALUES ('next')")
            try database.commit()
            #expect(try database.read("SELECT text FROM note") { $0.text(0) } == ["next"])
        }
    }

    @Test("a sample that comes and goes is written to the disk once")
    func written() throws {
        try withDatabase { database, path in
            try database.execute("PRAGMA wal_autocheckpoint = 0; CREATE TABLE spool (message BLOB)")
            let bytes = { try FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int ?? 0 }
            let before = try bytes()
            for _ in 0..<10 {
                try database.write("INSERT INTO spool VALUES (randomblob(36000))")
                try database.commit()
                try database.write("DELETE FROM spool")
                try database.commit()
            }
            #expect(try bytes() - before < 10 * 36_000 * 3 / 2)
        }
    }
}
