import Foundation
import Testing

@testable import DeviceHost

/// Transactions of the device's database of which a write fails.
struct DatabaseTransactionTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "transaction-\(UUID().uuidString)")

    @Test("a commit after a failed write tells that write's cause, keeps nothing of it, and the next one works")
    func cause() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let database = try Database(path: folder.appending(path: "device.db").path())
        defer { database.close() }
        try database.execute("CREATE TABLE note (text TEXT)")
        try database.execute("PRAGMA max_page_count = 8")
        try database.write("INSERT INTO note VALUES ('pending')")
        #expect(throws: DeviceError.self) { try database.write("INSERT INTO note VALUES (hex(zeroblob(65536)))") }
        do {
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
