/// A member of a tar archive.
public struct TarMember: Hashable, Sendable {
    public var name: String
    public var bytes: [UInt8]

    public init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }
}

/// Reads and writes the plain part of POSIX ustar (IEEE 1003.1, "pax"): regular files with names up to 100 bytes,
/// which is what WebDataset shards are made of.
public enum TarArchive {
    private static let blockSize = 512

    /// The archive of these members, with fixed owner, mode and time, so that the same members give the same bytes.
    ///
    /// - Throws: `limitExceeded` for a name over 100 bytes or a member over the limit.
    public static func bytes(of members: [TarMember]) throws(TrainingError) -> [UInt8] {
        var archive: [UInt8] = []
        for member in members {
            archive += try header(member)
            archive += member.bytes
            archive += [UInt8](repeating: 0, count: padding(member.bytes.count))
        }
        return archive + [UInt8](repeating: 0, count: 2 * blockSize)
    }

    /// The regular files of an archive; folders and extended headers are passed over.
    ///
    /// - Throws: `badShard` for a header with a wrong checksum or size, `limitExceeded`.
    public static func members(of archive: [UInt8]) throws(TrainingError) -> [TarMember] {
        var members: [TarMember] = []
        var place = 0
        while place + blockSize <= archive.count {
            let header = Array(archive[place..<place + blockSize])
            if header.allSatisfy({ $0 == 0 }) { break }
            guard number(header[148..<156]) == checksum(header) else {
                throw TrainingError(.badShard, "the header at byte \(place) of a shard has a wrong checksum")
            }
            guard let size = number(header[124..<136]), size >= 0, size <= TrainingLimits.memberBytes,
                place + blockSize + size <= archive.count
            else {
                throw TrainingError(
                    .badShard, "the member at byte \(place) of a shard is cut short or over the limit of its size")
            }
            place += blockSize
            if header[156] == UInt8(ascii: "0") || header[156] == 0 {
                members.append(TarMember(name: name(header), bytes: Array(archive[place..<place + size])))
            }
            place += size + padding(size)
        }
        return members
    }

    private static func padding(_ size: Int) -> Int { (blockSize - size % blockSize) % blockSize }

    private static func header(_ member: TarMember) throws(TrainingError) -> [UInt8] {
        let name = Array(member.name.utf8)
        guard (1...100).contains(name.count), member.bytes.count <= TrainingLimits.memberBytes else {
            throw TrainingError(.limitExceeded, "'\(member.name)' has too long a name or too many bytes for a shard")
        }
        var header = [UInt8](repeating: 0, count: blockSize)
        func put(_ text: String, at place: Int) {
            header.replaceSubrange(place..<place + text.utf8.count, with: text.utf8)
        }
        header.replaceSubrange(0..<name.count, with: name)
        put("0000644", at: 100)
        put("0000000", at: 108)
        put("0000000", at: 116)
        put(octal(member.bytes.count, digits: 11), at: 124)
        put("00000000000", at: 136)
        put("0", at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        put(octal(checksum(header), digits: 6), at: 148)
        header[154] = 0
        header[155] = UInt8(ascii: " ")
        return header
    }

    private static func octal(_ value: Int, digits: Int) -> String {
        let text = String(value, radix: 8)
        return String(repeating: "0", count: max(digits - text.utf8.count, 0)) + text
    }

    /// Sum of all bytes of the header, its own field read as blanks.
    private static func checksum(_ header: [UInt8]) -> Int {
        header.enumerated().reduce(0) { $0 + ((148..<156).contains($1.offset) ? 32 : Int($1.element)) }
    }

    private static func number(_ field: ArraySlice<UInt8>) -> Int? {
        let text = field.prefix { $0 != 0 }.filter { $0 != UInt8(ascii: " ") }
        return Int(String(decoding: text, as: UTF8.self), radix: 8)
    }

    private static func name(_ header: [UInt8]) -> String {
        func text(_ range: Range<Int>) -> String { String(decoding: header[range].prefix { $0 != 0 }, as: UTF8.self) }
        let prefix = text(345..<500)
        return prefix.isEmpty ? text(0..<100) : "\(prefix)/\(text(0..<100))"
    }
}
