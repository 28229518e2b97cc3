import Glibc

/// Files that hold keys: whole or not there at all, and never readable by others, not even for a moment.
public enum PrivateFile {
    /// Longest file that `read` accepts: keys and certificates are far smaller.
    public static let maximumBytes = 1 << 20

    /// Writes a file that only its owner may read (or with `mode`, as for certificates): into a new file beside it,
    /// synced, then renamed, so that a power cut leaves the old file or the new one.
    ///
    /// - Parameter replacing: false refuses a path where something is already.
    public static func write(
        _ bytes: some Collection<UInt8>, to path: String, mode: UInt32 = 0o600, replacing: Bool = true
    ) throws(CryptoError) {
        let temporary = "\(path).\(try SecureRandom.token(byteCount: 6)).new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
        guard descriptor >= 0 else { throw failure("create", temporary) }
        let isWritten =
            writeAll(Array(bytes), to: descriptor) && fchmod(descriptor, mode) == 0 && fsync(descriptor) == 0
        let problem = failure("write", temporary)
        close(descriptor)
        // A hard link, unlike a rename, never replaces what is there.
        let isPlaced = isWritten && (replacing ? rename(temporary, path) : link(temporary, path)) == 0
        let placing = failure(replacing ? "rename to" : "create", path)
        if !isPlaced || !replacing { unlink(temporary) }
        guard isPlaced else { throw isWritten ? placing : problem }
        syncFolder(of: path)
    }

    /// Gives a file another's name and place; returns when no power cut can undo it.
    public static func move(_ source: String, to path: String) throws(CryptoError) {
        guard rename(source, path) == 0 else { throw failure("rename \(source) to", path) }
        syncFolder(of: path)
    }

    /// Reads a whole file of at most `maximumBytes`.
    public static func read(_ path: String) throws(CryptoError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count >= 0 else { throw failure("read", path) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= maximumBytes else {
                throw CryptoError(.fileFailed, "\(path) is longer than \(maximumBytes) bytes: not a key or certificate")
            }
        }
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            offset += count
        }
        return true
    }

    /// The rename itself must survive a power cut too.
    private static func syncFolder(of path: String) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let descriptor = open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func failure(_ verb: String, _ path: String) -> CryptoError {
        CryptoError(.fileFailed, "cannot \(verb) \(path): \(String(cString: strerror(errno)))")
    }
}
