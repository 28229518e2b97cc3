import Foundation

/// Reading and writing the files of people, with errors that name them.
public enum ToolFile {
    /// Bytes of a file that is read into memory, at most (2 GiB).
    public static let byteLimit = 2 << 30

    /// A whole file.
    ///
    /// - Throws: ``ModelToolsError`` of code `file` or `limit`.
    public static func read(_ path: String, limit: Int = byteLimit) throws(ModelToolsError) -> [UInt8] {
        let handle = try open(path)
        defer { try? handle.close() }
        let data: Data
        do {
            data = try handle.read(upToCount: limit + 1) ?? Data()
        } catch {
            throw ModelToolsError(.file, "\(path) cannot be read: \(error.localizedDescription)")
        }
        guard data.count <= limit else { throw ModelToolsError(.limit, "\(path) has more than \(limit) bytes") }
        return [UInt8](data)
    }

    /// A file to read from.
    static func open(_ path: String) throws(ModelToolsError) -> FileHandle {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw ModelToolsError(.file, "\(path): there is no such file")
        }
        guard !isFolder.boolValue else { throw ModelToolsError(.file, "\(path) is a folder; name a file in it") }
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw ModelToolsError(.file, "\(path) cannot be read; check its permissions")
        }
        return handle
    }

    /// Writes a whole file; it appears complete or not at all.
    public static func write(_ bytes: [UInt8], to path: String) throws(ModelToolsError) {
        do {
            try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw ModelToolsError(.file, "\(path) cannot be written: \(error.localizedDescription)")
        }
    }

    /// Makes a folder, with those above it.
    public static func makeFolder(_ path: String) throws(ModelToolsError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw ModelToolsError(.file, "the folder \(path) cannot be made: \(error.localizedDescription)")
        }
    }

    /// A NumPy file.
    public static func array(_ path: String) throws(ModelToolsError) -> NPYArray {
        let bytes = try read(path)
        do throws(ModelToolsError) {
            return try NPYArray(parsing: bytes)
        } catch {
            throw ModelToolsError(error.code, "\(path): \(error.reason)")
        }
    }
}
