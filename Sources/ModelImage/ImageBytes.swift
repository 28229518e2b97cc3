/// Little-endian reads from an image's bytes. Callers have checked that what they read lies inside.
struct ImageBytes {
    let base: UnsafeRawPointer
    let count: Int

    func byte(_ offset: Int) -> UInt8 {
        base.load(fromByteOffset: offset, as: UInt8.self)
    }

    func half(_ offset: Int) -> UInt16 {
        UInt16(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    func word(_ offset: Int) -> UInt32 {
        UInt32(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    func wide(_ offset: Int) -> UInt64 {
        UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// True when `length` bytes at `offset` lie inside.
    func contains(_ offset: UInt32, _ length: UInt64) -> Bool {
        UInt64(offset) + length <= UInt64(count)
    }

    /// Adler-32 (RFC 1950, section 8.2) of all bytes but the header's checksum field.
    ///
    /// Finds torn and truncated files; what an image contains is proved by the SHA-256 that its release signs.
    func checksum() -> UInt32 {
        var sums = Adler32()
        sums.add(UnsafeRawBufferPointer(start: base, count: ImageHeader.checksumOffset))
        sums.add(UnsafeRawBufferPointer(start: base + ImageFormat.headerBytes, count: count - ImageFormat.headerBytes))
        return sums.value
    }
}

/// Adler-32 of RFC 1950: the sum of all bytes, and the sum of those sums, both modulo 65521.
struct Adler32 {
    private var low: UInt32 = 1
    private var high: UInt32 = 0
    private static let modulus: UInt32 = 65_521
    /// The most bytes that can be summed before `high` could overflow 32 bits (RFC 1950's NMAX).
    private static let run = 5552

    var value: UInt32 { high << 16 | low }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var position = 0
        while position < bytes.count {
            let end = min(position + Self.run, bytes.count)
            while position < end {
                low &+= UInt32(bytes[position])
                high &+= low
                position += 1
            }
            low %= Self.modulus
            high %= Self.modulus
        }
    }
}
