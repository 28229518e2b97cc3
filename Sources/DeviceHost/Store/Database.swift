import GRDBSQLite

/// One connection to one SQLite file, used by one thread. Writes gather in one transaction until `commit`, so that many
/// of them cost one sync of the disk. An idle one may `rest`: its file is closed until it is used again.
final class Database {
    private var handle: OpaquePointer?
    private var statements: [String: OpaquePointer] = [:]
    private let path: String
    private let access: Access
    private let syncs: Bool
    /// Closed for good.
    private var isClosed = false
    /// Whether something has asked since `restIfUnused` looked last.
    private var wasUsed = true
    /// Told when the file is open again after a rest.
    var didReopen: () -> Void = {}
    private var isInTransaction = false
    /// A write of the open transaction failed: none of it may be committed.
    private var spoiledBy: DeviceError?

    /// What may be done with the file.
    enum Access: Sendable {
        /// The file is made if need be.
        case write
        /// Another process may be writing it.
        case read
        /// Nobody writes it, and nothing beside it can be made: the disk is read-only.
        case readFrozen
    }

    /// Opens the file; to be written, in WAL mode with every commit synced.
    ///
    /// - Parameter syncs: false only in a simulation that proves that it would notice.
    init(path: String, access: Access = .write, syncs: Bool = true) throws(DeviceError) {
        self.path = path
        self.access = access
        self.syncs = syncs
        try open()
    }

    private func open() throws(DeviceError) {
        let code: Int32 =
            switch access {
            case .write:
                sqlite3_open_v2(
                    path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nil)
            case .read: sqlite3_open_v2(path, &handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nil)
            case .readFrozen:
                sqlite3_open_v2(
                    "file:\(Self.uriText(path))?immutable=1", &handle,
                    SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nil)
            }
        guard code == SQLITE_OK else {
            let problem = failure("open")
            sqlite3_close_v2(handle)
            handle = nil
            throw problem
        }
        sqlite3_busy_timeout(handle, 5000)
        if access == .write { try setUp() }
    }

    private func setUp() throws(DeviceError) {
        // A small cache: thousands of these may live in one process. And no deletion writes pages only to blank them, as
        // Debian's SQLite does by default: a sample of 36 KB would cost the flash 78 KB instead of 42.
        for pragma in [
            "journal_mode = WAL", "synchronous = \(syncs ? "FULL" : "OFF")", "foreign_keys = ON", "cache_size = -256",
            "secure_delete = FAST",
        ] {
            try run("PRAGMA \(pragma)")
        }
    }

    /// A path as a URI's: what has a meaning there is escaped.
    private static func uriText(_ path: String) -> String {
        path.utf8.reduce(into: "") { text, byte in
            switch byte {
            case UInt8(ascii: "?"), UInt8(ascii: "#"), UInt8(ascii: "%"):
                text += "%" + String(byte, radix: 16)
            default: text.unicodeScalars.append(Unicode.Scalar(byte))
            }
        }
    }

    deinit { close() }

    /// Finishes and closes. What was not committed is gone.
    func close() {
        isClosed = true
        closeFile()
    }

    private func closeFile() {
        for statement in statements.values { sqlite3_finalize(statement) }
        statements.removeAll()
        sqlite3_close_v2(handle)
        handle = nil
    }

    // MARK: Rest

    /// Closes the file until the next use, unless it was used since this was asked last or holds an open transaction.
    /// False: ask again later.
    func restIfUnused() -> Bool {
        defer { wasUsed = false }
        guard !wasUsed, !isInTransaction else { return false }
        closeFile()
        return true
    }

    /// Has the file open, after a rest too.
    private func wake() throws(DeviceError) {
        wasUsed = true
        guard handle == nil, !isClosed else { return }
        do throws(DeviceError) { try open() } catch {
            closeFile()
            throw error
        }
        didReopen()
    }

    // MARK: Transactions

    /// Makes all writes since the last commit durable: all of them, or none. After an error they are gone.
    func commit() throws(DeviceError) {
        if let cause = spoiledBy {
            rollBack()
            throw DeviceError(cause.code, "an earlier write of the same transaction failed: \(cause.context)")
        }
        guard isInTransaction else { return }
        do {
            _ = try read("COMMIT") { _ in () }
            isInTransaction = false
        } catch {
            rollBack()
            throw error
        }
    }

    /// Forgets all writes since the last commit.
    func rollBack() {
        spoiledBy = nil
        guard isInTransaction else { return }
        isInTransaction = false
        // SQLite may have rolled back by itself (disk full): then there is nothing to do.
        _ = sqlite3_exec(handle, "ROLLBACK", nil, nil, nil)
    }

    /// Lets the next transaction begin the write-ahead log anew, in the room that it has on the disk already.
    func recycleWriteAheadLog() throws(DeviceError) { try execute("PRAGMA wal_checkpoint") }

    // MARK: Statements

    /// Runs SQL without parameters or rows.
    func execute(_ sql: String) throws(DeviceError) {
        try wake()
        try run(sql)
    }

    private func run(_ sql: String) throws(DeviceError) {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw failure(sql) }
    }

    /// Runs one writing statement in the open transaction, and opens it if need be. An error spoils the transaction:
    /// `commit` will refuse it.
    func write(_ sql: String, _ values: [SQLValue] = []) throws(DeviceError) {
        do {
            if !isInTransaction {
                _ = try read("BEGIN IMMEDIATE") { _ in () }
                isInTransaction = true
            }
            _ = try read(sql, values) { _ in () }
        } catch {
            if spoiledBy == nil { spoiledBy = error }
            throw error
        }
    }

    /// The rows of a query.
    func read<Value>(
        _ sql: String, _ values: [SQLValue] = [], row: (SQLRow) -> Value
    ) throws(DeviceError) -> [Value] {
        let statement = try prepared(sql)
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        for (index, value) in values.enumerated() {
            guard value.bind(to: statement, at: Int32(index + 1)) == SQLITE_OK else { throw failure(sql) }
        }
        var rows: [Value] = []
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: rows.append(row(SQLRow(statement: statement)))
            case SQLITE_DONE: return rows
            default: throw failure(sql)
            }
        }
    }

    private func prepared(_ sql: String) throws(DeviceError) -> OpaquePointer {
        try wake()
        if let statement = statements[sql] { return statement }
        var statement: OpaquePointer?
        guard sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil) == SQLITE_OK,
            let statement
        else { throw failure(sql) }
        statements[sql] = statement
        return statement
    }

    private func failure(_ doing: String) -> DeviceError {
        let text = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
        let kind = sqlite3_errcode(handle)
        let code: DeviceError.Code =
            switch kind {
            case SQLITE_CORRUPT, SQLITE_NOTADB: .storeDamaged
            case SQLITE_FULL: .noSpace
            default: .storeFailed
            }
        return DeviceError(code, "\(path): \(text) (code \(sqlite3_extended_errcode(handle)), \(doing))")
    }
}

/// A value to bind.
enum SQLValue {
    case integer(Int64)
    case text(String)
    case blob([UInt8])

    /// SQLite copies the bytes before the call returns.
    func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        let copies = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        switch self {
        case .integer(let value): return sqlite3_bind_int64(statement, index, value)
        case .text(let text): return sqlite3_bind_text(statement, index, text, -1, copies)
        case .blob(let bytes):
            guard !bytes.isEmpty else { return sqlite3_bind_zeroblob(statement, index, 0) }
            return sqlite3_bind_blob(statement, index, bytes, Int32(bytes.count), copies)
        }
    }
}

/// The current row of a query: columns from 0.
struct SQLRow {
    fileprivate let statement: OpaquePointer

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }

    func text(_ column: Int32) -> String {
        sqlite3_column_text(statement, column).map { String(cString: $0) } ?? ""
    }

    func blob(_ column: Int32) -> [UInt8] {
        guard let pointer = sqlite3_column_blob(statement, column) else { return [] }
        let count = Int(sqlite3_column_bytes(statement, column))
        return Array(UnsafeRawBufferPointer(start: pointer, count: count))
    }
}
