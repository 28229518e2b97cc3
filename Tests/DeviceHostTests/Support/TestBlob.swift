import BlobCoding
import FleetCrypto
import FleetModel
import FleetWire
import ModelImage

/// A blob as a controller cuts it.
struct TestBlob: Sendable {
    /// Topic level below `blob/`.
    var name: Digest
    var map: BlobMap
    var chunks: [[UInt8]]

    /// An image's own blob.
    init(of image: [UInt8], codec: BlobCodec = .raw, chunkBytes: Int = 128) throws {
        var bytes = image
        if codec == .zstd {
            bytes = []
            try image.withUnsafeBytes { try BlobEncoding.deflate($0) { bytes += $0 } }
        }
        self.init(bytes, name: SHA256.hash(image), image: image, codec: codec, base: nil, chunkBytes: chunkBytes)
    }

    /// An image as a difference to another.
    init(from base: [UInt8], to image: [UInt8], chunkBytes: Int = 128) throws {
        var bytes: [UInt8] = []
        let (old, new) = (ImageMemory(copying: base), ImageMemory(copying: image))
        try BlobEncoding.delta(from: old.bytes, to: new.bytes) { bytes += $0 }
        self.init(
            bytes, name: SHA256.hash(bytes), image: image, codec: .deltaZstd, base: SHA256.hash(base),
            chunkBytes: chunkBytes)
    }

    init(_ bytes: [UInt8], name: Digest, image: [UInt8], codec: BlobCodec, base: Digest?, chunkBytes: Int) {
        self.name = name
        chunks = stride(from: 0, to: bytes.count, by: chunkBytes).map {
            Array(bytes[$0..<min($0 + chunkBytes, bytes.count)])
        }
        map = BlobMap(
            bytes: bytes.count, chunkBytes: chunkBytes, pageChunks: 2, codec: codec, image: SHA256.hash(image),
            imageBytes: image.count, base: base, chunks: ChunkDigests(chunks.map { SHA256.hash($0) }))
    }
}
