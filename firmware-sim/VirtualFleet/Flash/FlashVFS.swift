import FleetStore
import GRDBSQLite
import Glibc
import Synchronization

/// A SQLite VFS (sqlite.org/vfs.html) over simulated flash: databases whose path begins with `FlashVFS.root` live on the
/// `Flash` that is mounted there; every other path goes to the operating system, as before.
enum FlashVFS {
    /// What every simulated path begins with.
    static let root = "/virtual-flash/"
    static let sharingLock = Mutex(())

    private static let mounts = Mutex<[String: Flash]>([:])

    /// Makes a disk reachable under `root` + `name`; gives that path.
    static func mount(_ flash: Flash, as name: String) -> String {
        SQLiteSettings.apply
        isRegistered
        mounts.withLock { $0[name] = flash }
        return root + name
    }

    static func unmount(_ name: String) { mounts.withLock { $0[name] = nil } }

    /// The disk of a path; nil for a path of the operating system.
    static func flash(of path: String) -> Flash? {
        guard path.hasPrefix(root) else { return nil }
        let rest = path.dropFirst(root.count)
        guard let slash = rest.firstIndex(of: "/") else { return nil }
        return mounts.withLock { $0[String(rest[..<slash])] }
    }

    // MARK: Registration

    @discardableResult
    private static func register() -> Bool {
        guard let system = sqlite3_vfs_find(nil) else { return false }
        original = system
        let copy = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        copy.initialize(to: system.pointee)
        copy.pointee.szOsFile = max(system.pointee.szOsFile, Int32(MemoryLayout<FlashHandle>.size))
        copy.pointee.zName = UnsafePointer(strdup("martlet-flash"))
        copy.pointee.xOpen = open
        copy.pointee.xDelete = delete
        copy.pointee.xAccess = access
        copy.pointee.xFullPathname = fullPath
        return sqlite3_vfs_register(copy, 1) == SQLITE_OK
    }

    private static let isRegistered: Void = { register() }()
    /// Written once, by `register`, before any reader can be.
    nonisolated(unsafe) private static var original: UnsafeMutablePointer<sqlite3_vfs>?

    private typealias VFS = UnsafeMutablePointer<sqlite3_vfs>?
    private typealias Name = UnsafePointer<CChar>?

    private static let open:
        @convention(c) (VFS, Name, UnsafeMutablePointer<sqlite3_file>?, Int32, UnsafeMutablePointer<Int32>?) -> Int32 =
            {
                _, name, file, flags, outFlags in
                guard let file else { return SQLITE_MISUSE }
                guard let name, let flash = FlashVFS.flash(of: String(cString: name)) else {
                    return FlashVFS.original?.pointee.xOpen(FlashVFS.original, name, file, flags, outFlags)
                        ?? SQLITE_CANTOPEN
                }
                let path = String(cString: name)
                guard let content = flash.openFile(path, create: flags & SQLITE_OPEN_CREATE != 0) else {
                    file.pointee.pMethods = nil
                    return SQLITE_CANTOPEN
                }
                let connection = FlashConnection(flash: flash, file: content)
                UnsafeMutableRawPointer(file).initializeMemory(
                    as: FlashHandle.self,
                    to: FlashHandle(
                        base: sqlite3_file(pMethods: FlashMethods.table), connection: Unmanaged.passRetained(connection)
                    ))
                outFlags?.pointee = flags
                return SQLITE_OK
            }

    private static let delete: @convention(c) (VFS, Name, Int32) -> Int32 = { _, name, sync in
        guard let name, let flash = FlashVFS.flash(of: String(cString: name)) else {
            return FlashVFS.original?.pointee.xDelete(FlashVFS.original, name, sync) ?? SQLiteIOError.delete
        }
        flash.remove(String(cString: name), isSynced: sync != 0)
        return flash.isDead ? SQLiteIOError.delete : SQLITE_OK
    }

    private static let access: @convention(c) (VFS, Name, Int32, UnsafeMutablePointer<Int32>?) -> Int32 = {
        _, name, flags, result in
        guard let name, let flash = FlashVFS.flash(of: String(cString: name)) else {
            return FlashVFS.original?.pointee.xAccess(FlashVFS.original, name, flags, result) ?? SQLiteIOError.access
        }
        result?.pointee = flash.file(String(cString: name)) == nil ? 0 : 1
        return SQLITE_OK
    }

    private static let fullPath: @convention(c) (VFS, Name, Int32, UnsafeMutablePointer<CChar>?) -> Int32 = {
        _, name, count, target in
        guard let name, let target, String(cString: name).hasPrefix(FlashVFS.root) else {
            return FlashVFS.original?.pointee.xFullPathname(FlashVFS.original, name, count, target)
                ?? SQLITE_CANTOPEN
        }
        guard strlen(name) < Int(count) else { return SQLITE_CANTOPEN }
        strcpy(target, name)
        return SQLITE_OK
    }
}
