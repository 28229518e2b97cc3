import Foundation
import Testing

@testable import DeviceHost

/// A database that is closed while nobody uses it.
struct DatabaseRestTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "rest-\(UUID().uuidString)")

    private func withDatabase(_ body: (Database, String) throws -> Void) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "device.db").path()
        let database = try Database(path: path)
        defer { database.close() }
        try database.execute("CREATE TABLE note (text TEXT)")
        try body(database, path)
    }

    private func isOpen(_ path: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)-wal") }

    @Test("it closes when it was not used since the last look, and opens by itself")
    func rests() throws {
        try withDatabase { database, path in
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
        try withDatabase { database, _ in
            try database.write("INSERT INTO note VALUES ('half')")
            _ = database.restIfUnused()
            #expect(!database.restIfUnused())
            try database.commit()
            #expect(try database.read("SELECT count(*) FROM note") { $0.integer(0) } == [1])
        }
    }

    @Test("a file that cannot be opened again is an error of that use alone")
    func reopening() throws {
        try withDatabase { database, path in
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
        try withDatabase { database, path in
            database.close()
            #expect(throws: DeviceError.self) { try database.execute("SELECT 1") }
            #expect(!isOpen(path))
        }
    }
}
