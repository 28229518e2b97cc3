import Glibc

/// Files over POSIX.
struct SystemFiles: DeviceFiles {
    func makeFolder(_ path: String) throws(DeviceError) {
        guard mkdir(path, 0o750) == 0 || errno == EEXIST else { throw Self.failure("make folder", path) }
    }

    func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Whether the file is there and its disk takes no writes.
    static func isOnReadOnlyDisk(_ path: String) -> Bool {
        access(path, R_OK) == 0 && access(path, W_OK) != 0 && errno == EROFS
    }

    func remove(_ path: String) { unlink(path) }

    func size(of path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    func names(in folder: String) -> [String] {
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

    func freeBytes(at path: String) throws(DeviceError) -> Int {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw Self.failure("look at", path) }
        return Int(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize))
    }

    func rename(_ old: String, to new: String) throws(DeviceError) {
        guard Glibc.rename(old, new) == 0 else { throw Self.failure("rename to", new) }
        let folder = new.lastIndex(of: "/").map { String(new[..<$0]) } ?? "."
        let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("open", folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Self.failure("sync", folder) }
    }

    func open(_ path: String, _ mode: FileMode) throws(DeviceError) -> any OpenFile {
        try SystemFile(path, mode)
    }

    func image(at path: String) -> ImageSource { .file(path: path) }

    static func failure(_ verb: String, _ path: String) -> DeviceError {
        let code: DeviceError.Code = errno == ENOSPC || errno == EDQUOT ? .noSpace : .fileFailed
        return DeviceError(code, "cannot \(verb) \(path): \(String(cString: strerror(errno)))")
    }
}

/// A file descriptor.
private final class SystemFile: OpenFile, Sendable {
    private let path: String
    private let descriptor: Int32

    init(_ path: String, _ mode: FileMode) throws(DeviceError) {
        self.path = path
        let flags: Int32 =
            switch mode {
            case .read: O_RDONLY
            case .update: O_RDWR | O_CREAT
            case .replace: O_RDWR | O_CREAT | O_TRUNC
            }
        descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw SystemFiles.failure("open", path) }
    }

    deinit { close(descriptor) }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DeviceError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw SystemFiles.failure("write", path) }
            done += count
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(DeviceError) -> Int {
        while true {
            let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw SystemFiles.failure("read", path) }
            return count
        }
    }

    func sync() throws(DeviceError) {
        guard fdatasync(descriptor) == 0 else { throw SystemFiles.failure("sync", path) }
    }

    func syncSoon(_ done: @escaping @Sendable (DeviceError?) -> Void) {
        SyncThread.shared.perform { [self] in
            do throws(DeviceError) {
                try sync()
                done(nil)
            } catch {
                done(error)
            }
        }
    }
}
