import Foundation

/// Counts the connections that the private broker turned away for their certificates: they show in its log alone. And
/// sees to it that the log stays small: the broker appends to it for as long as it lives.
struct BrokerLogReader {
    private let path: String
    private var offset: UInt64

    /// Bytes that are read at one look; what is beyond is skipped, because somebody floods.
    static let maximumBytes = 1 << 20

    /// Begins at the end of what is there.
    init(path: String) {
        self.path = path
        offset = Self.size(path)
    }

    private static func size(_ path: String) -> UInt64 {
        ((try? FileManager.default.attributesOfItem(atPath: path)[.size]) as? UInt64) ?? 0
    }

    /// Lines since the last look that say so.
    mutating func knocks() -> Int {
        let size = Self.size(path)
        // A shorter file is a new one.
        if size < offset { offset = 0 }
        guard size > offset, let file = FileHandle(forReadingAtPath: path) else { return 0 }
        defer { try? file.close() }
        guard (try? file.seek(toOffset: offset)) != nil,
            let data = try? file.read(upToCount: min(Self.maximumBytes, Int(size - offset)))
        else { return 0 }
        // A line that is still being written is read when it is whole.
        let lines = data[..<(data.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? data.startIndex)]
        offset = size - offset > Self.maximumBytes ? size : offset + UInt64(lines.count)
        return String(decoding: lines, as: UTF8.self).split(separator: "\n").count(where: Self.isKnock)
    }

    /// Copies a log that has grown beyond `bytes` to FILE.1 and empties the file, to which the broker goes on writing.
    /// What it writes meanwhile is lost. Without room for the copy the log is emptied all the same.
    mutating func limit(to bytes: Int) {
        let isFlooded = offset > 2 * UInt64(bytes)
        guard offset > UInt64(bytes), isFlooded || Self.size(path) == offset else { return }
        let copy = "\(path).new"
        try? FileManager.default.removeItem(atPath: copy)
        if (try? FileManager.default.copyItem(atPath: path, toPath: copy)) != nil { rename(copy, "\(path).1") }
        if truncate(path, 0) == 0 { offset = 0 }
    }

    /// OpenSSL's words for a certificate that is revoked, expired, of another authority, or not there, and for no TLS.
    private static func isKnock(_ line: Substring) -> Bool {
        line.contains("certificate verify failed") || line.contains("peer did not return a certificate")
            || line.contains("wrong version number") || line.contains("http request")
    }
}
