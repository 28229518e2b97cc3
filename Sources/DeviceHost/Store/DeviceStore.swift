import DeviceCore
import FleetCrypto
import FleetModel
import FleetWire

/// All durable state of a device but the images: `device.db` in its folder.
///
/// Writes gather until `commit`; what must survive together is written before the same commit. Values are stored in
/// their wire form, so that one set of bounded readers checks everything that comes back from a disk.
final class DeviceStore {
    let database: Database
    /// The receipts as they were read last: every reported document repeats them.
    private var readReceipts: [SlotName: [[UInt8]]] = [:]

    /// Where the database of a device's folder lies.
    static func path(in folder: String) -> String { "\(folder)/device.db" }

    /// The schema that this code writes. Migrations only append, and only add: a program that was left for an older one
    /// has migrated the file already, and the older one must go on with it.
    static let schemaVersion = 4
    /// The oldest schema whose code can use a file that this code has written. It lies in the file (`application_id`),
    /// where code that is older than the file asks for it.
    static let oldestReader = 4

    private static let migrations = [
        """
        CREATE TABLE document (name TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE slot (name TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE manifest (digest BLOB PRIMARY KEY, message BLOB NOT NULL);
        CREATE TABLE receipt (
            id INTEGER PRIMARY KEY AUTOINCREMENT, slot TEXT NOT NULL, release BLOB NOT NULL, message BLOB NOT NULL,
            UNIQUE (slot, release));
        CREATE TABLE pull (blob BLOB PRIMARY KEY, map BLOB NOT NULL, bitmap BLOB NOT NULL);
        CREATE TABLE spool (
            id INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, boot TEXT NOT NULL, sequence INTEGER NOT NULL,
            part INTEGER NOT NULL, message BLOB NOT NULL, UNIQUE (stream, boot, sequence, part));
        """,
        // Maps and bitmaps of pulls lie beside their chunks: no transaction for each page.
        "DROP TABLE pull;",
        // A message that may have been sent must stay as it is: the controller may hold it already.
        "ALTER TABLE spool ADD COLUMN sent INTEGER NOT NULL DEFAULT 1;",
        // Few rows are sealed, or all: a start finds them without reading the messages of the others.
        """
        ALTER TABLE spool ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX spool_sealed ON spool (sealed) WHERE sealed = 1;
        """,
    ]

    /// How samples lie in the spool; nil: in the clear, and sealed ones cannot be read.
    var sampleSeal: SampleSeal?

    init(path: String, syncs: Bool = true) throws(DeviceError) {
        database = try Database(path: path, syncs: syncs)
        let version = try Self.usableVersion(database, path)
        for (index, migration) in Self.migrations.enumerated().dropFirst(version) {
            try database.execute("BEGIN IMMEDIATE; \(migration) PRAGMA user_version = \(index + 1); COMMIT")
        }
        if version < Self.schemaVersion { try database.execute("PRAGMA application_id = \(Self.oldestReader)") }
    }

    /// The file's schema, if this code can use it.
    private static func usableVersion(_ database: Database, _ path: String) throws(DeviceError) -> Int {
        let version = try database.read("PRAGMA user_version") { Int($0.integer(0)) }.first ?? 0
        let oldest = try database.read("PRAGMA application_id") { Int($0.integer(0)) }.first ?? 0
        guard version <= schemaVersion || (1...schemaVersion).contains(oldest) else {
            throw DeviceError(
                .storeFailed, "\(path) was written by a newer agent (schema \(version)): update this one")
        }
        return version
    }

    /// Opens a store that is there, to look at it alone.
    ///
    /// - Parameter isFrozen: the disk is read-only; nobody else can be writing.
    init(reading path: String, isFrozen: Bool = false) throws(DeviceError) {
        database = try Database(path: path, access: isFrozen ? .readFrozen : .read)
        guard try Self.usableVersion(database, path) > 0 else {
            throw DeviceError(.storeFailed, "\(path) is no agent's database")
        }
    }

    /// What is wrong with the file; empty if it is whole.
    func damage() throws(DeviceError) -> String {
        let lines = try database.read("PRAGMA quick_check(1)") { $0.text(0) }
        return lines == ["ok"] ? "" : lines.joined(separator: "; ")
    }

    func commit() throws(DeviceError) {
        do throws(DeviceError) { try database.commit() } catch {
            readReceipts.removeAll()
            throw error
        }
    }

    func rollBack() {
        readReceipts.removeAll()
        database.rollBack()
    }
    func close() { database.close() }

    // MARK: Documents

    /// A single document by name: signed roles, the last desired state, the clock's floor, sampling budgets.
    func document(_ name: String) throws(DeviceError) -> [UInt8]? {
        try database.read("SELECT content FROM document WHERE name = ?", [.text(name)]) { $0.blob(0) }.first
    }

    func put(_ content: [UInt8], as name: String) throws(DeviceError) {
        try database.write(
            "INSERT OR REPLACE INTO document (name, content) VALUES (?, ?)", [.text(name), .blob(content)])
    }

    // MARK: Slots

    /// Every slot with its state. A state that cannot be read is an error: guessing might run the wrong release.
    func slots() throws(DeviceError) -> [SlotName: SlotState] {
        let rows = try database.read("SELECT name, state FROM slot") { ($0.text(0), $0.blob(1)) }
        var slots: [SlotName: SlotState] = [:]
        for (name, bytes) in rows {
            do {
                slots[try SlotName(name)] = try SlotState(decoding: bytes)
            } catch {
                throw DeviceError(.storeDamaged, "the state of slot \(name) cannot be read: \(error)")
            }
        }
        return slots
    }

    func put(_ state: SlotState, for slot: SlotName) throws(DeviceError) {
        try database.write(
            "INSERT OR REPLACE INTO slot (name, state) VALUES (?, ?)", [.text(slot.text), .blob(state.encoded())])
    }

    // MARK: Manifests

    /// The signed message of a release.
    func manifest(_ release: Digest) throws(DeviceError) -> [UInt8]? {
        try database.read("SELECT message FROM manifest WHERE digest = ?", [.blob(release.bytes)]) { $0.blob(0) }.first
    }

    func put(manifest message: [UInt8], of release: Digest) throws(DeviceError) {
        try database.write(
            "INSERT OR REPLACE INTO manifest (digest, message) VALUES (?, ?)", [.blob(release.bytes), .blob(message)])
    }

    /// Deletes the manifests that no slot needs.
    func keepManifests(_ needed: Set<Digest>) throws(DeviceError) {
        for bytes in try database.read("SELECT digest FROM manifest", row: { $0.blob(0) }) {
            if let digest = Digest(bytes), needed.contains(digest) { continue }
            try database.write("DELETE FROM manifest WHERE digest = ?", [.blob(bytes)])
        }
    }

    // MARK: Receipts

    /// The newest receipts of a slot, newest last.
    func receipts(_ slot: SlotName) throws(DeviceError) -> [[UInt8]] {
        if let read = readReceipts[slot] { return read }
        let receipts = try database.read(
            "SELECT message FROM receipt WHERE slot = ? ORDER BY id DESC LIMIT ?",
            [.text(slot.text), .integer(Int64(DeviceLimits.receiptsKept))]
        ) { $0.blob(0) }
        readReceipts[slot] = receipts.reversed()
        return receipts.reversed()
    }

    /// Adds a receipt and forgets those beyond the limit.
    func put(receipt message: [UInt8], of release: Digest, slot: SlotName) throws(DeviceError) {
        readReceipts[slot] = nil
        try database.write(
            "INSERT OR REPLACE INTO receipt (slot, release, message) VALUES (?, ?, ?)",
            [.text(slot.text), .blob(release.bytes), .blob(message)])
        try database.write(
            """
            DELETE FROM receipt WHERE slot = ?1 AND id NOT IN
            (SELECT id FROM receipt WHERE slot = ?1 ORDER BY id DESC LIMIT ?2)
            """, [.text(slot.text), .integer(Int64(DeviceLimits.receiptsKept))])
    }
}
