import BlobCoding
import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation

/// What goes to the broker for an image: a file of encoded bytes, and how it is cut.
struct EncodedBlob: Sendable {
    var map: BlobMap
    /// The encoded bytes in the blob store.
    var file: Digest
}

/// Encodes images, from file to file: memory does not grow with them.
struct ImageEncoder: Sendable {
    let blobs: BlobStore
    var chunkBytes = WireLimits.chunkBytes

    /// An image raw or with zstd, whichever is smaller.
    func full(_ image: Digest) throws -> EncodedBlob {
        let source = try blobs.map(image)
        let bytes = source.bytes.count
        let packed = try encode(below: bytes) { sink throws(BlobCodingError) in
            try BlobEncoding.deflate(source.bytes, to: sink)
        }
        if let packed { return blob(packed, .zstd, image: image, imageBytes: bytes, base: nil) }
        var chunks = ChunkHasher(chunkBytes: chunkBytes)
        chunks.add(source.bytes)
        let raw = Encoded(file: image, bytes: bytes, chunks: chunks.finish())
        return blob(raw, .raw, image: image, imageBytes: bytes, base: nil)
    }

    /// An image as a difference to another; nil if that takes `limit` bytes or more, or either is no image.
    func delta(from base: Digest, to image: Digest, below limit: Int) throws -> EncodedBlob? {
        let (old, new) = (try blobs.map(base), try blobs.map(image))
        let packed = try encode(below: limit) { sink throws(BlobCodingError) in
            try BlobEncoding.delta(from: old.bytes, to: new.bytes, sink: sink)
        }
        return packed.map { blob($0, .deltaZstd, image: image, imageBytes: new.bytes.count, base: base) }
    }

    // MARK: Pieces

    private struct Encoded {
        var file: Digest
        var bytes: Int
        var chunks: ChunkDigests
    }

    /// Stores what `body` yields; nil, and nothing stored, if it grows to `limit` bytes or what it reads is malformed.
    private func encode(
        below limit: Int, _ body: @escaping (CodingSink) throws(BlobCodingError) -> Void
    ) throws -> Encoded? {
        var chunks = ChunkHasher(chunkBytes: chunkBytes)
        var bytes = 0
        var failure: StoreError?
        do {
            let file = try blobs.write { write in
                try body { (piece) throws(BlobCodingError) in
                    bytes += piece.count
                    guard bytes < limit else { throw BlobCodingError(.tooLarge, "\(limit) bytes and more") }
                    chunks.add(piece)
                    do throws(StoreError) { try write(piece) } catch {
                        failure = error
                        throw BlobCodingError(.sinkFailed, "\(error)")
                    }
                }
            }
            return Encoded(file: file, bytes: bytes, chunks: chunks.finish())
        } catch let error as BlobCodingError {
            if error.code == .tooLarge || error.code == .malformed { return nil }
            throw failure ?? ControllerError(.unavailable, "an image cannot be encoded: \(error)")
        }
    }

    private func blob(
        _ encoded: Encoded, _ codec: BlobCodec, image: Digest, imageBytes: Int, base: Digest?
    ) -> EncodedBlob {
        EncodedBlob(
            map: BlobMap(
                bytes: encoded.bytes, chunkBytes: chunkBytes, pageChunks: WireLimits.pageChunks, codec: codec,
                image: image, imageBytes: imageBytes, base: base, chunks: encoded.chunks),
            file: encoded.file)
    }
}

/// Cuts a stream of bytes into chunks and hashes each.
private struct ChunkHasher {
    private let chunkBytes: Int
    private var chunk: [UInt8] = []
    private var digests: [UInt8] = []
    private let hash = SHA256Series()

    init(chunkBytes: Int) {
        self.chunkBytes = chunkBytes
        chunk.reserveCapacity(chunkBytes)
    }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var done = 0
        while done < bytes.count {
            let end = min(done + chunkBytes - chunk.count, bytes.count)
            chunk.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[done..<end]))
            done = end
            if chunk.count == chunkBytes { cut() }
        }
    }

    private mutating func cut() {
        digests += chunk.withUnsafeBytes { hash.hash($0) }.bytes
        chunk.removeAll(keepingCapacity: true)
    }

    mutating func finish() -> ChunkDigests {
        if !chunk.isEmpty { cut() }
        return ChunkDigests(bytes: digests) ?? []
    }
}
