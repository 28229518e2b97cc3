/// A run of an image that a delta treats alike.
struct DeltaSegment: Hashable, Sendable {
    /// Bytes in the stream before a segment's planes.
    static let headerBytes = 17
    /// First bytes of the decompressed stream: `MDZ1`.
    static let magic: [UInt8] = [0x4D, 0x44, 0x5A, 0x31]
    /// Stands for "no base" in a header.
    private static let noBase = UInt64.max

    var kind: ElementKind
    /// Bytes of the image, a multiple of the element's width.
    var length: Int
    /// Where the bytes to compare with begin in the base; nil: there are none.
    var base: Int?

    init(kind: ElementKind, length: Int, base: Int?) {
        self.kind = kind
        self.length = length
        self.base = base
    }

    /// Kind (1 byte), length and base's offset (8 bytes each, little-endian).
    var header: [UInt8] {
        let base = base.map { UInt64($0) } ?? Self.noBase
        return [kind.code]
            + [UInt64(length), base].flatMap { number in
                (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
            }
    }

    /// Reads a header; `left` is how much of the image is still missing.
    init(header: UnsafeRawBufferPointer, left: Int) throws(BlobCodingError) {
        let length = UInt64(littleEndian: header.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
        let base = UInt64(littleEndian: header.loadUnaligned(fromByteOffset: 9, as: UInt64.self))
        guard let kind = ElementKind(code: header[0]) else {
            throw BlobCodingError(.malformed, "delta: a segment of the unknown kind \(header[0])")
        }
        guard length > 0, length % UInt64(kind.width) == 0 else {
            throw BlobCodingError(.malformed, "delta: a segment of \(length) bytes")
        }
        guard length <= UInt64(left) else {
            throw BlobCodingError(.tooLarge, "delta: a segment of \(length) bytes where \(left) are missing")
        }
        guard base == Self.noBase || base <= 1 << 40 else {
            throw BlobCodingError(.wrongBase, "delta: a segment that begins at byte \(base) of the base")
        }
        self.init(kind: kind, length: Int(length), base: base == Self.noBase ? nil : Int(base))
    }
}
