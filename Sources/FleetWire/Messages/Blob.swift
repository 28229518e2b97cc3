public import FleetModel

/// How a blob's bytes become the image.
public enum BlobCodec: String, Hashable, Sendable, CaseIterable {
    case raw
    case zstd
    /// Tensor-aware difference to `base`; see `docs/protocol.md`.
    case deltaZstd = "delta-zstd"
}

/// `blob/{sha256}/m`, retained: how to pull a blob. The blob's digest is that of the image for `raw` and `zstd`, sealed
/// or not.
public struct BlobMap: Hashable, Sendable {
    /// Bytes of all chunks together (encoded).
    public var bytes: Int
    public var chunkBytes: Int
    public var pageChunks: Int
    public var codec: BlobCodec
    /// The image that results.
    public var image: Digest
    public var imageBytes: Int
    /// The image that a delta starts from.
    public var base: Digest?
    /// SHA-256 of every chunk, as it is published.
    public var chunks: ChunkDigests
    /// Of a sealed blob, 16 bytes: each chunk is sealed under a key that this salt and the image's key make. Its last
    /// 16 bytes are the tag.
    public var seal: [UInt8]?

    /// Bytes of `seal`.
    public static let sealBytes = 16

    public init(
        bytes: Int, chunkBytes: Int, pageChunks: Int, codec: BlobCodec, image: Digest, imageBytes: Int, base: Digest?,
        chunks: ChunkDigests, seal: [UInt8]? = nil
    ) {
        self.bytes = bytes
        self.chunkBytes = chunkBytes
        self.pageChunks = pageChunks
        self.codec = codec
        self.image = image
        self.imageBytes = imageBytes
        self.base = base
        self.chunks = chunks
        self.seal = seal
    }
}

/// The digests of a blob's chunks, side by side: 32 bytes each, a megabyte for the largest blob.
public struct ChunkDigests: RandomAccessCollection, Hashable, Sendable {
    /// All digests, one after the other.
    public let bytes: [UInt8]

    /// The given digests, in order.
    public init(_ digests: some Sequence<Digest>) { bytes = digests.flatMap(\.bytes) }

    /// nil unless there are whole digests.
    public init?(bytes: [UInt8]) {
        guard bytes.count % Digest.byteCount == 0 else { return nil }
        self.bytes = bytes
    }

    public var startIndex: Int { 0 }
    public var endIndex: Int { bytes.count / Digest.byteCount }

    public subscript(index: Int) -> Digest {
        let start = index * Digest.byteCount
        return bytes.withUnsafeBytes { bytes in
            guard let digest = Digest(UnsafeRawBufferPointer(rebasing: bytes[start..<start + Digest.byteCount])) else {
                preconditionFailure("32 bytes are a digest")
            }
            return digest
        }
    }
}

extension ChunkDigests: ExpressibleByArrayLiteral {
    public init(arrayLiteral elements: Digest...) { self.init(elements) }
}

/// `dev/{id}/up/need`: asks for re-seeding. `dev/{id}/up/fetch`: asks for the chunks themselves, on the device's own topics.
public struct Need: Hashable, Sendable {
    public var blob: Digest
    /// Half-open ranges of missing chunk indices; empty asks for the map too.
    public var missing: [Range<Int>]

    public init(blob: Digest, missing: [Range<Int>]) {
        self.blob = blob
        self.missing = missing
    }
}

extension BlobMap: WireMessage {
    public static let byteLimit = WireLimits.mapBytes

    private enum Key: UInt64, FieldKey {
        case bytes = 1
        case chunkBytes, pageChunks, codec, image, imageBytes, base, chunks, seal
        static let message: StaticString = "map"
    }

    public var cbor: CBOR {
        .fields([
            Key.bytes: .integer(bytes), .chunkBytes: .integer(chunkBytes), .pageChunks: .integer(pageChunks),
            .codec: .text(codec.rawValue), .image: .digest(image), .imageBytes: .integer(imageBytes),
            .base: base.map(CBOR.digest), .chunks: .bytes(chunks.bytes), .seal: seal.map(CBOR.bytes),
        ])
    }

    /// The number of chunks must fit the sizes, and a delta must name its base.
    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            bytes: try fields.integer(.bytes, in: 1...WireLimits.blobBytes),
            chunkBytes: try fields.integer(.chunkBytes, in: 1...WireLimits.chunkBytes),
            pageChunks: try fields.integer(.pageChunks, in: 1...WireLimits.largestPage),
            codec: try fields.choice(.codec), image: try fields.digest(.image),
            imageBytes: try fields.integer(.imageBytes, in: 1...WireLimits.blobBytes),
            base: try fields.optionalDigest(.base), chunks: try fields.value(.chunks, Self.chunks(_:)),
            seal: try fields.optional(.seal) { item throws(WireError) in try item.asBytes(limit: Self.sealBytes) })
        guard chunks.count == (bytes - 1) / chunkBytes + 1 else {
            throw WireError(.outOfRange, "map.chunks: \(chunks.count) chunks for \(bytes) bytes")
        }
        guard (codec == .deltaZstd) == (base != nil) else {
            throw WireError(.outOfRange, "map.base: exactly a delta has a base")
        }
        if let seal, seal.count != Self.sealBytes || chunkBytes <= WireLimits.tagBytes {
            throw WireError(.outOfRange, "map.seal: \(Self.sealBytes) bytes, and chunks longer than their tag")
        }
    }

    private static func chunks(_ item: CBOR) throws(WireError) -> ChunkDigests {
        let bytes = try item.asBytes(limit: WireLimits.chunks * Digest.byteCount)
        guard let chunks = ChunkDigests(bytes: bytes) else {
            throw WireError(.outOfRange, "\(bytes.count) bytes are no whole digests")
        }
        return chunks
    }
}

extension BlobMap {
    /// Bytes of a chunk: the last may be shorter.
    public func range(ofChunk index: Int) -> Range<Int> {
        index * chunkBytes..<min((index + 1) * chunkBytes, bytes)
    }

    /// Chunks of a page.
    public func chunks(ofPage page: Int) -> Range<Int> {
        page * pageChunks..<min((page + 1) * pageChunks, chunks.count)
    }

    /// Pages of the blob.
    public var pageCount: Int { (chunks.count + pageChunks - 1) / pageChunks }

    /// Where a chunk is published.
    public func topic(ofChunk index: Int, in blob: Digest) -> Topic {
        .chunk(blob, page: index / pageChunks, index: index % pageChunks)
    }
}

extension Need: WireMessage {
    public static let byteLimit = WireLimits.controlBytes

    private enum Key: UInt64, FieldKey {
        case blob = 1
        case missing
        static let message: StaticString = "need"
    }

    public var cbor: CBOR {
        .fields([
            Key.blob: .digest(blob),
            .missing: .array(missing.map { .array([.integer($0.lowerBound), .integer($0.upperBound)]) }),
        ])
    }

    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            blob: try fields.digest(.blob),
            missing: try fields.list(.missing, limit: WireLimits.missingRanges) { item throws(WireError) in
                let range = try item.asRange()
                guard range.upperBound <= WireLimits.chunks else { throw WireError(.outOfRange, "\(range)") }
                return Int(range.lowerBound)..<Int(range.upperBound)
            })
    }
}
