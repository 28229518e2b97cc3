import DeviceCore
import FleetWire
import Foundation
import Testing

@testable import DeviceHost

/// A database that a newer agent has migrated before it was left: the older one must start on it.
struct NewerStoreTests {
    private func withStore(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "newer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "device.db").path()
        try DeviceStore(path: path).close()
        try body(path)
    }

    private func change(_ path: String, _ sql: String) throws {
        let database = try Database(path: path)
        try database.execute(sql)
        database.close()
    }

    @Test("columns and tables that were added do not matter")
    func additions() throws {
        try withStore { path in
            let next = DeviceStore.schemaVersion + 1
            try change(
                path,
                """
                ALTER TABLE spool ADD COLUMN later INTEGER NOT NULL DEFAULT 7;
                ALTER TABLE document ADD COLUMN later TEXT;
                CREATE TABLE later (id INTEGER PRIMARY KEY);
                PRAGMA user_version = \(next)
                """)
            let store = try DeviceStore(path: path)
            defer { store.close() }
            try store.put([1, 2], as: "root")
            try store.spool(.init(stream: .report, boot: "b", sequence: 1), parts: [[3]], maybeSent: false)
            try store.commit()
            #expect(try store.document("root") == [1, 2])
            #expect(try store.spooled().count == 1)
            #expect(try store.database.read("PRAGMA user_version") { $0.integer(0) } == [Int64(next)], "it stays newer")
        }
    }

    @Test("what the newer agent says is not for this one is refused, and so is a file that says nothing")
    func incompatible() throws {
        for oldest in [DeviceStore.schemaVersion + 1, 0] {
            try withStore { path in
                try change(
                    path,
                    "PRAGMA user_version = \(DeviceStore.schemaVersion + 1); PRAGMA application_id = \(oldest)")
                let error = #expect(throws: DeviceError.self) { try DeviceStore(path: path) }
                #expect(error?.context.contains("newer agent") == true)
            }
        }
    }

    @Test("the service is started again for ever: the installed program may be start 24")
    func service() throws {
        let unit = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "config/systemd/martlet-agent.service")
        let lines = try String(contentsOf: unit, encoding: .utf8).split(separator: "\n")
        #expect(lines.contains("StartLimitIntervalSec=0"))
        #expect(lines.contains("Restart=always"))
    }
}
