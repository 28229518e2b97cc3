import GRDBSQLite

/// What the SQLite connections of one file share: its locks and, in WAL mode, the index in shared memory.
///
/// Touched under `FlashVFS.sharingLock` alone.
final class FileSharing {
    private var levels: [ObjectIdentifier: Int32] = [:]
    /// Connections that have the index mapped; it goes with the last of them.
    private var users: Set<ObjectIdentifier> = []
    private var regions: [UnsafeMutableRawBufferPointer] = []
    private var shared: [ObjectIdentifier: UInt32] = [:]
    private var exclusive: [ObjectIdentifier: UInt32] = [:]

    deinit { for region in regions { region.deallocate() } }

    // MARK: File locks (sqlite.org/lockingv3.html)

    func lock(_ owner: ObjectIdentifier, _ level: Int32) -> Int32 {
        let others = levels.filter { $0.key != owner }.values
        let mine = levels[owner] ?? SQLITE_LOCK_NONE
        guard level > mine else { return SQLITE_OK }
        switch level {
        case SQLITE_LOCK_SHARED:
            guard others.allSatisfy({ $0 < SQLITE_LOCK_PENDING }) else { return SQLITE_BUSY }
        case SQLITE_LOCK_RESERVED:
            guard others.allSatisfy({ $0 < SQLITE_LOCK_RESERVED }) else { return SQLITE_BUSY }
        default:
            guard others.allSatisfy({ $0 < SQLITE_LOCK_RESERVED }) else { return SQLITE_BUSY }
            guard others.allSatisfy({ $0 == SQLITE_LOCK_NONE }) else {
                levels[owner] = SQLITE_LOCK_PENDING
                return SQLITE_BUSY
            }
        }
        levels[owner] = level
        return SQLITE_OK
    }

    func unlock(_ owner: ObjectIdentifier, _ level: Int32) {
        if level == SQLITE_LOCK_NONE { levels[owner] = nil } else { levels[owner] = level }
    }

    var isReserved: Bool { levels.values.contains { $0 >= SQLITE_LOCK_RESERVED } }

    // MARK: Shared memory

    /// A region of the index; nil if it is not there and must not be made.
    func region(_ owner: ObjectIdentifier, _ index: Int, bytes: Int, extend: Bool) -> UnsafeMutableRawPointer? {
        users.insert(owner)
        while regions.count <= index {
            guard extend else { return nil }
            let region = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 16)
            region.initializeMemory(as: UInt8.self, repeating: 0)
            regions.append(region)
        }
        return regions[index].baseAddress
    }

    func lockSlots(_ owner: ObjectIdentifier, _ mask: UInt32, flags: Int32) -> Int32 {
        if flags & SQLITE_SHM_UNLOCK != 0 {
            shared[owner, default: 0] &= ~mask
            exclusive[owner, default: 0] &= ~mask
            return SQLITE_OK
        }
        let isFree = exclusive.allSatisfy { $0.key == owner || $0.value & mask == 0 }
        guard isFree else { return SQLITE_BUSY }
        if flags & SQLITE_SHM_SHARED != 0 {
            shared[owner, default: 0] |= mask
            return SQLITE_OK
        }
        guard shared.allSatisfy({ $0.key == owner || $0.value & mask == 0 }) else { return SQLITE_BUSY }
        exclusive[owner, default: 0] |= mask
        return SQLITE_OK
    }

    func forget(_ owner: ObjectIdentifier) {
        levels[owner] = nil
        shared[owner] = nil
        exclusive[owner] = nil
        users.remove(owner)
        guard users.isEmpty else { return }
        for region in regions { region.deallocate() }
        regions.removeAll()
    }
}
