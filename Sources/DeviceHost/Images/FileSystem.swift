import FleetCrypto
import FleetModel
import Glibc

/// The few calls of POSIX that a device needs, each with an error that names the file and the cause.
enum FileSystem {
    static func makeFolder(_ path: String) throws(DeviceError) {
        guard mkdir(path, 0o750) == 0 || errno == EEXIST else { throw failure("make folder", path) }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func remove(_ path: String) { unlink(path) }

    /// Names in a folder, without `.` and `..`; empty if it cannot be read.
    static func names(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    static func size(of path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    /// Bytes that this process may still write to the disk that holds `path`.
    static func freeBytes(at path: String) throws(DeviceError) -> Int {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw failure("look at", path) }
        return Int(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize))
    }

    /// Renames, and syncs the folder, so that the new name survives a power cut.
    static func rename(_ old: String, to new: String) throws(DeviceError) {
        guard Glibc.rename(old, new) == 0 else { throw failure("rename to", new) }
        let folder = new.lastIndex(of: "/").map { String(new[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("sync", folder) }
    }

    static func failure(_ verb: String, _ path: String) -> DeviceError {
        let code: DeviceError.Code = errno == ENOSPC || errno == EDQUOT ? .noSpace : .fileFailed
        return DeviceError(code, "cannot \(verb) \(path): \(String(cString: strerror(errno)))")
    }
}

/// An open file that closes itself.
struct File: ~Copyable {
    let path: String
    private let descriptor: Int32

    enum Mode {
        case read
        /// Made if need be; what is there stays.
        case update
        /// Made if need be; what is there goes.
        case replace
    }

    init(_ path: String, _ mode: Mode) throws(DeviceError) {
        self.path = path
        let flags: Int32 =
            switch mode {
            case .read: O_RDONLY
            case .update: O_RDWR | O_CREAT
            case .replace: O_RDWR | O_CREAT | O_TRUNC
            }
        descriptor = open(path, flags | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw FileSystem.failure("open", path) }
    }

    deinit { close(descriptor) }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DeviceError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw FileSystem.failure("write", path) }
            done += count
        }
    }

    /// Reads up to `buffer.count` bytes from `offset`; 0 at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(DeviceError) -> Int {
        while true {
            let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileSystem.failure("read", path) }
            return count
        }
    }

    /// Reads into an array, up to its present size.
    func read(into buffer: inout [UInt8], at offset: Int) throws(DeviceError) -> Int {
        // The error leaves the closure as a value: rethrowing would lose its type.
        var failure: DeviceError?
        let count = buffer.withUnsafeMutableBytes { bytes in
            do throws(DeviceError) { return try read(into: bytes, at: offset) } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return count
    }

    func sync() throws(DeviceError) {
        guard fdatasync(descriptor) == 0 else { throw FileSystem.failure("sync", path) }
    }

    /// The SHA-256 of the whole file, read piece by piece.
    func digest() throws(DeviceError) -> Digest {
        var hash = SHA256()
        var offset = 0
        var buffer = [UInt8](repeating: 0, count: DeviceLimits.fileBuffer)
        while true {
            let count = try read(into: &buffer, at: offset)
            if count == 0 { return hash.finish() }
            buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            offset += count
        }
    }
}
