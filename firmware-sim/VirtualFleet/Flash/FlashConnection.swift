import GRDBSQLite
import Synchronization

/// What SQLite allocates for an open file: its own header, and ours behind it.
struct FlashHandle {
    var base: sqlite3_file
    var connection: Unmanaged<FlashConnection>
}

/// One open file of SQLite on simulated flash. It dies with the power: whatever epoch comes after its own, it fails.
final class FlashConnection {
    private let flash: Flash
    private let file: FlashFile
    private let epoch: Int
    private var name: ObjectIdentifier { ObjectIdentifier(self) }

    init(flash: Flash, file: FlashFile) {
        self.flash = flash
        self.file = file
        epoch = flash.epoch
    }

    var isAlive: Bool { !flash.isDead && flash.epoch == epoch }

    static func of(_ file: UnsafeMutablePointer<sqlite3_file>?) -> FlashConnection? {
        guard let file, file.pointee.pMethods != nil else { return nil }
        return UnsafeRawPointer(file).load(as: FlashHandle.self).connection.takeUnretainedValue()
    }

    func close() { FlashVFS.sharingLock.withLock { _ in file.sharing.forget(name) } }

    func read(_ target: UnsafeMutableRawBufferPointer, at offset: Int) -> Int32 {
        guard isAlive, let count = flash.read(file, into: target, at: offset) else { return SQLiteIOError.read }
        guard count < target.count else { return SQLITE_OK }
        // SQLite wants the rest filled with zeros.
        UnsafeMutableRawBufferPointer(rebasing: target[count...]).initializeMemory(as: UInt8.self, repeating: 0)
        return SQLiteIOError.shortRead
    }

    func write(_ source: UnsafeRawBufferPointer, at offset: Int) -> Int32 {
        guard isAlive else { return SQLiteIOError.write }
        switch flash.write(file, source, at: offset) {
        case .done: return SQLITE_OK
        case .full: return SQLITE_FULL
        case .noPower: return SQLiteIOError.write
        }
    }

    func truncate(to size: Int) -> Int32 {
        isAlive && flash.truncate(file, to: size) == .done ? SQLITE_OK : SQLiteIOError.truncate
    }

    func sync() -> Int32 { isAlive && flash.sync(file) == .done ? SQLITE_OK : SQLiteIOError.sync }

    func size() -> Int? { isAlive ? flash.size(file) : nil }

    // MARK: Locks

    func lock(_ level: Int32) -> Int32 {
        guard isAlive else { return SQLiteIOError.lock }
        return FlashVFS.sharingLock.withLock { _ in file.sharing.lock(name, level) }
    }

    func unlock(_ level: Int32) { FlashVFS.sharingLock.withLock { _ in file.sharing.unlock(name, level) } }

    var isReserved: Bool { FlashVFS.sharingLock.withLock { _ in file.sharing.isReserved } }

    func region(_ index: Int, bytes: Int, extend: Bool) -> UnsafeMutableRawPointer? {
        let address = FlashVFS.sharingLock.withLock { _ in
            UInt(bitPattern: file.sharing.region(name, index, bytes: bytes, extend: extend))
        }
        return UnsafeMutableRawPointer(bitPattern: address)
    }

    func lockSlots(_ offset: Int32, _ count: Int32, _ flags: Int32) -> Int32 {
        guard isAlive || flags & SQLITE_SHM_UNLOCK != 0 else { return SQLiteIOError.sharedLock }
        let mask = ((UInt32(1) << UInt32(count)) - 1) << UInt32(offset)
        return FlashVFS.sharingLock.withLock { _ in file.sharing.lockSlots(name, mask, flags: flags) }
    }
}

/// The methods of a simulated file as SQLite calls them.
enum FlashMethods {
    /// Made once and never freed: SQLite keeps pointing at it.
    nonisolated(unsafe) static let table: UnsafePointer<sqlite3_io_methods> = {
        var methods = sqlite3_io_methods()
        methods.iVersion = 2
        methods.xClose = { file in
            guard let file, let connection = FlashConnection.of(file) else { return SQLITE_OK }
            connection.close()
            Unmanaged.passUnretained(connection).release()
            file.pointee.pMethods = nil
            return SQLITE_OK
        }
        methods.xRead = { file, target, count, offset in
            FlashConnection.of(file)?.read(
                UnsafeMutableRawBufferPointer(start: target, count: Int(count)), at: Int(offset)) ?? SQLiteIOError.read
        }
        methods.xWrite = { file, source, count, offset in
            FlashConnection.of(file)?.write(
                UnsafeRawBufferPointer(start: source, count: Int(count)), at: Int(offset)) ?? SQLiteIOError.write
        }
        methods.xTruncate = { file, size in
            FlashConnection.of(file)?.truncate(to: Int(size)) ?? SQLiteIOError.truncate
        }
        methods.xSync = { file, _ in FlashConnection.of(file)?.sync() ?? SQLiteIOError.sync }
        methods.xFileSize = { file, size in
            guard let bytes = FlashConnection.of(file)?.size() else { return SQLiteIOError.size }
            size?.pointee = Int64(bytes)
            return SQLITE_OK
        }
        addLocks(to: &methods)
        let pointer = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        pointer.initialize(to: methods)
        return UnsafePointer(pointer)
    }()

    private static func addLocks(to methods: inout sqlite3_io_methods) {
        methods.xLock = { file, level in FlashConnection.of(file)?.lock(level) ?? SQLiteIOError.lock }
        methods.xUnlock = { file, level in
            FlashConnection.of(file)?.unlock(level)
            return SQLITE_OK
        }
        methods.xCheckReservedLock = { file, result in
            result?.pointee = FlashConnection.of(file)?.isReserved == true ? 1 : 0
            return SQLITE_OK
        }
        methods.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
        methods.xSectorSize = { _ in Int32(Flash.sectorBytes) }
        // A torn write leaves its neighbours alone, as on the disks that SQLite's own VFS assumes.
        methods.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
        methods.xShmMap = { file, index, bytes, extend, target in
            guard let connection = FlashConnection.of(file) else { return SQLiteIOError.sharedMap }
            target?.pointee = connection.region(Int(index), bytes: Int(bytes), extend: extend != 0)
            return SQLITE_OK
        }
        methods.xShmLock = { file, offset, count, flags in
            FlashConnection.of(file)?.lockSlots(offset, count, flags) ?? SQLiteIOError.sharedLock
        }
        methods.xShmBarrier = { _ in FlashVFS.sharingLock.withLock { _ in } }
        methods.xShmUnmap = { _, _ in SQLITE_OK }
    }
}
