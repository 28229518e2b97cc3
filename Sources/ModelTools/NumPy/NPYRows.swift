import Foundation

/// Reads a NumPy file's rows (the entries of its first axis) one batch at a time, so that a file may be larger than
/// memory.
public final class NPYRowReader {
    /// What the file says of itself; the first axis counts the rows.
    public let header: NPYHeader
    /// Rows of the file.
    public let rowCount: Int
    /// Bytes of a row.
    public let rowBytes: Int
    private let handle: FileHandle
    private let path: String

    /// Opens a file and checks that it is as long as its header says.
    public init(path: String) throws(ModelToolsError) {
        handle = try ToolFile.open(path)
        self.path = path
        do throws(ModelToolsError) {
            header = try Self.head(of: handle)
        } catch {
            throw ModelToolsError(error.code, "\(path): \(error.reason)")
        }
        rowCount = header.shape.first ?? 0
        rowBytes = header.shape.dropFirst().reduce(header.type.size, *)
    }

    deinit { try? handle.close() }

    /// The next `count` rows, little-endian; fewer at the end of the file.
    public func next(_ count: Int) throws(ModelToolsError) -> [UInt8] {
        var bytes: [UInt8]
        do {
            bytes = [UInt8](try handle.read(upToCount: count * rowBytes) ?? Data())
        } catch {
            throw ModelToolsError(.file, "\(path) cannot be read: \(error.localizedDescription)")
        }
        if header.isBigEndian { bytes.swapBytes(of: header.type.size) }
        return bytes
    }

    /// The header of a file of rows; the file stands at the first row then.
    private static func head(of handle: FileHandle) throws(ModelToolsError) -> NPYHeader {
        let (head, text) = try NPYHeader.length(bytes(handle, at: 0, count: NPYHeader.prefixBytes))
        let header = try NPYHeader(text: bytes(handle, at: head, count: text))
        guard !header.shape.isEmpty else {
            throw ModelToolsError(.tensor, "it holds a single number; rows need at least one axis")
        }
        guard !header.isFortranOrder || header.shape.count == 1 else {
            throw ModelToolsError(
                .format, "it is in Fortran order, which has no rows: save numpy.ascontiguousarray(array)")
        }
        guard let count = header.elementCount, let data = NPYArray.byteCount(count, header.type),
            try size(handle) - head - text == data
        else {
            throw ModelToolsError(.format, "its length is not what its header says; copy it again")
        }
        try seek(handle, to: head + text)
        return header
    }

    private static func bytes(_ handle: FileHandle, at offset: Int, count: Int) throws(ModelToolsError) -> [UInt8] {
        try seek(handle, to: offset)
        guard let data = try? handle.read(upToCount: count) else {
            throw ModelToolsError(.format, "it ends within its header; copy it again")
        }
        return [UInt8](data)
    }

    private static func seek(_ handle: FileHandle, to offset: Int) throws(ModelToolsError) {
        guard (try? handle.seek(toOffset: UInt64(offset))) != nil else {
            throw ModelToolsError(.file, "it cannot be read at byte \(offset): rows need a file, not a pipe")
        }
    }

    private static func size(_ handle: FileHandle) throws(ModelToolsError) -> Int {
        guard let end = try? handle.seekToEnd() else {
            throw ModelToolsError(.file, "its length is unknown: rows need a file, not a pipe")
        }
        return Int(end)
    }
}

/// Writes a NumPy file row by row. The file takes its name when the last row is there; until then it ends in
/// `.partial`.
public final class NPYRowWriter {
    private let handle: FileHandle
    private let path: String
    private var missing: Int

    /// Begins a file of `shape`, whose first axis counts the rows.
    public init(path: String, type: NPYType, shape: [Int]) throws(ModelToolsError) {
        self.path = path
        let head = NPYHeader(type: type, shape: shape)
        missing = shape.reduce(type.size, *)
        guard FileManager.default.createFile(atPath: path + ".partial", contents: Data(head.encoded)),
            let handle = FileHandle(forWritingAtPath: path + ".partial"), (try? handle.seekToEnd()) != nil
        else { throw ModelToolsError(.file, "\(path) cannot be written; check the folder and its permissions") }
        self.handle = handle
    }

    deinit { try? handle.close() }

    /// Appends the bytes of rows.
    public func append(_ bytes: some Collection<UInt8>) throws(ModelToolsError) {
        do {
            try handle.write(contentsOf: Data(bytes))
        } catch {
            throw ModelToolsError(.file, "\(path) cannot be written: \(error.localizedDescription)")
        }
        missing -= bytes.count
    }

    /// Gives the file its name; every row must have been written.
    public func finish() throws(ModelToolsError) {
        guard missing == 0 else { throw ModelToolsError(.file, "\(path): \(missing) bytes of its rows are missing") }
        do {
            try handle.close()
            if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
            try FileManager.default.moveItem(atPath: path + ".partial", toPath: path)
        } catch {
            throw ModelToolsError(.file, "\(path) cannot be written: \(error.localizedDescription)")
        }
    }
}
