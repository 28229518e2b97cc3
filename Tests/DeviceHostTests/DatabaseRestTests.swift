import Foundation
import Testing

@testable import DeviceHost

/// A database that is closed while nobody uses it.
struct DatabaseRestTests {
    private func withNotes(_ body: (Database, String) throws -> Void) throws {
        try withDatabase { database, path in
            try database.execute("CREATE TABLE note (text TEXT)")
            try body(database, path)
        }
    }

    private func isOpen(_ path: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)-wal") }

    @Test("it closes when it was not used since the last look, and opens by itself")
    func rests() throws {
        try withNotes { database, path in
            var reopened = 0
            database.didReopen = { reopened += 1 }
            try database.write("INSERT INTO note VALUES ('kept')")
            try database.commit()
            #expect(!database.restIfUnused(), "it was just used")
            #expect(isOpen(path))
            #expect(database.restIfUnused())
            #expect(!isOpen(path))
            #expect(try database.read("SELECT text FROM note") { $0.text(0) } == ["kept"])
            #expect(reopened == 1)
            #expect(try database.read("PRAGMA synchronous") { $0.integer(0) } == [2], "set up as at first")
        }
    }

    @Test("an open transaction keeps it awake")
    func transaction() throws {
        try withNotes { database, _ in
            try database.write("INSERT INTO note VALUES ('half')")
            _ = database.restIfUnused()
            #expect(!database.restIfUnused())
            try database.commit()
            #expect(try database.read("SELECT count(*) FROM note") { $0.integer(0) } == [1])
        }
    }

    @Test("a file that cannot be opened again is an error of that use alone")
    func reopening() throws {
        try withNotes { database, path in
            _ = database.restIfUnused()
            #expect(database.restIfUnused())
            try FileManager.default.moveItem(atPath: path, toPath: "\(path).away")
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            #expect(throws: DeviceError.self) { try database.write("INSERT INTO note VALUES ('lost')") }
            #expect(throws: DeviceError.self) { try database.commit() }
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.moveItem(atPath: "\(path).away", toPath: path)
            try database.write("INSERT INTO note VALUES ('kept')")
            try database.commit()
            #expect(try database.read("SELECT text FROM note") { $0.text(0) } == ["kept"])
        }
    }

    @Test("what is closed for good stays closed")
    func closed() throws {
        try withNotes { database, path in
            database.close()
            #expect(throws: DeviceError.self) { try database.execute("SELECT 1") }
            #expect(!isOpen(path))
        }
    }
}
