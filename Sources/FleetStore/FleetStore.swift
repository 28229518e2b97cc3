public import FleetCrypto
public import Foundation
public import GRDB

/// The controller's durable state: one SQLite file in WAL mode behind one connection pool.
///
/// Every writer goes through `database.write`, which is one transaction on the pool's single writer connection. With
/// `synchronous = FULL` a transaction that returned has reached the disk: only then may a device be told so.
public final class FleetStore: Sendable {
    /// Bounds on the store.
    public enum Limits {
        /// Readers that may run at once beside the writer.
        public static let readers = 5
        /// How long a writer of another process (a backup, `sqlite3`) may keep the lock, in seconds.
        public static let busySeconds: Double = 10
    }

    /// The database's file name in the data folder.
    public static let fileName = "martlet.db"

    /// Reads run side by side; writes run one after another.
    public let database: DatabasePool
    /// Makes and reads the frames in it.
    public let frames: FrameVault

    /// Opens the database in a folder, makes both if they are missing and brings the schema up to date.
    ///
    /// - Parameter frameKey: seals frames from now on; needed for good once there was one.
    public convenience init(folder: URL, frameKey: SealingKey? = nil) throws {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw Self.cannotOpen(folder.path, error)
        }
        try self.init(path: folder.appendingPathComponent(Self.fileName).path, frameKey: frameKey)
    }

    /// Opens the database at a path whose folder exists; a simulation's lies on a VFS of its own.
    package init(path: String, frameKey: SealingKey? = nil) throws {
        SQLiteSettings.apply
        frames = FrameVault(key: frameKey)
        do {
            var configuration = GRDB.Configuration()
            configuration.label = "martlet"
            configuration.maximumReaderCount = Limits.readers
            configuration.busyMode = .timeout(Limits.busySeconds)
            configuration.prepareDatabase { database in
                try database.execute(sql: "PRAGMA foreign_keys = ON")
            }
            database = try DatabasePool(path: path, configuration: configuration)
            // GRDB turns this down to NORMAL when it switches to WAL; a commit must survive a power cut.
            try database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            try Schema.migrator.migrate(database)
            try database.write(frames.check)
        } catch let error as StoreError {
            throw error
        } catch {
            throw Self.cannotOpen(path, error)
        }
    }

    private static func cannotOpen(_ path: String, _ error: any Error) -> StoreError {
        StoreError(
            .cannotOpen, "the database at \(path) cannot be opened: \(error)",
            hint: "check that the folder is writable, has free space and was made by this or an older version")
    }

    /// Reads in one snapshot, on the caller's thread. For a simulation, where nothing else uses the database: a second
    /// connection would read the schema and compile every query once more. It does not refuse writes, as the pool does.
    package func readHere<Value>(_ body: (Database) throws -> Value) throws -> Value {
        try here("BEGIN DEFERRED TRANSACTION", body)
    }

    /// Writes in one transaction, on the caller's thread.
    package func writeHere<Value>(_ body: (Database) throws -> Value) throws -> Value {
        try here("BEGIN IMMEDIATE TRANSACTION", body)
    }

    /// Runs `body` in a transaction that `begin` begins: GRDB compiles the statements of its own each time.
    private func here<Value>(_ begin: String, _ body: (Database) throws -> Value) throws -> Value {
        try database.writeWithoutTransaction { database in
            try database.run(begin)
            do {
                let value = try body(database)
                try database.run("COMMIT TRANSACTION")
                return value
            } catch {
                if database.isInsideTransaction { try? database.rollback() }
                throw error
            }
        }
    }

    /// Closes all connections after the running transactions; use of the store after that throws.
    public func close() throws { try database.close() }
}
