/// A SHA-256 digest (FIPS 180-4): the address of everything immutable.
public struct Digest: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Bytes in a digest.
    public static let byteCount = 32

    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// Takes exactly 32 bytes; nil for any other count.
    public init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        // No memory and no generic code: every chunk that comes passes here, twice.
        func word(_ index: Int) -> UInt64 {
            UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
        }
        words = (word(0), word(1), word(2), word(3))
    }

    /// Takes exactly 32 bytes; nil for any other count.
    public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount,
            let digest = Array(bytes).withUnsafeBytes({ (bytes: UnsafeRawBufferPointer) in Self(bytes) })
        else { return nil }
        self = digest
    }

    /// Reads 64 hexadecimal characters, either case; nil for anything else.
    public init?(hex: some StringProtocol) {
        var text = String(hex)
        guard let digest = text.withUTF8({ Self(hexadecimal: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = digest
    }

    /// Reads 64 hexadecimal characters, lower case alone: the form in topics. nil for anything else.
    public init?(lowerCaseHex text: UnsafeRawBufferPointer) {
        guard !text.contains(where: { (0x41...0x46).contains($0) }) else { return nil }
        self.init(hexadecimal: text)
    }

    private init?(hexadecimal text: UnsafeRawBufferPointer) {
        guard text.count == 2 * Self.byteCount else { return nil }
        func word(_ index: Int) -> UInt64? {
            var word: UInt64 = 0
            for character in text[16 * index..<16 * (index + 1)] {
                guard let value = Hexadecimal.value(character) else { return nil }
                word = word << 4 | UInt64(value)
            }
            return word
        }
        guard let a = word(0), let b = word(1), let c = word(2), let d = word(3) else { return nil }
        words = (a, b, c, d)
    }

    /// The 32 bytes.
    public var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
            for (index, word) in [words.0, words.1, words.2, words.3].enumerated() {
                for byte in 0..<8 { buffer[8 * index + byte] = UInt8(truncatingIfNeeded: word >> (56 - 8 * byte)) }
            }
            count = Self.byteCount
        }
    }

    /// 64 lower-case hexadecimal characters: the form in topics, file names, URLs and logs.
    public var hex: String { Hexadecimal.text(bytes) }
    /// The first 12 characters: enough for people's eyes.
    public var short: String { String(hex.prefix(12)) }
    public var description: String { hex }

    public static func == (a: Digest, b: Digest) -> Bool { a.words == b.words }
    public static func < (a: Digest, b: Digest) -> Bool { a.words < b.words }
    public func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
    }
}

/// Hexadecimal text, both ways.
public enum Hexadecimal {
    /// Lower-case text, two characters a byte.
    public static func text(_ bytes: some Sequence<UInt8>) -> String {
        let bytes = Array(bytes)
        return String(unsafeUninitializedCapacity: 2 * bytes.count) { characters in
            for (index, byte) in bytes.enumerated() {
                characters[2 * index] = digit(byte >> 4)
                characters[2 * index + 1] = digit(byte & 15)
            }
            return 2 * bytes.count
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x61 + value - 10 }

    /// The bytes of a text; nil for an odd length or other characters.
    public static func bytes(_ text: String) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: characters.count, by: 2) {
            guard let high = value(characters[index]), let low = value(characters[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    /// The value of one ASCII character, or nil.
    static func value(_ character: UInt8) -> UInt8? {
        switch character {
        case 0x30...0x39: character - 0x30
        case 0x41...0x46: character - 0x41 + 10
        case 0x61...0x66: character - 0x61 + 10
        default: nil
        }
    }
}
