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
    ///
    /// - Parameter key: seals what comes out; nil leaves it as it is.
    func full(_ image: Digest, key: SealingKey? = nil) throws -> EncodedBlob {
        let source = try blobs.map(image)
        let bytes = source.bytes.count
        let packed = try encode(below: bytes, key) { sink throws(BlobCodingError) in
            try BlobEncoding.deflate(source.bytes, to: sink)
        }
        if let packed { return blob(packed, .zstd, image: image, imageBytes: bytes, base: nil) }
        if key != nil {
            let copied = try encode(below: .max, key) { sink throws(BlobCodingError) in try sink(source.bytes) }
            if let copied { return blob(copied, .raw, image: image, imageBytes: bytes, base: nil) }
        }
        var chunks = ChunkHasher(chunkBytes: chunkBytes)
        chunks.add(source.bytes)
        let raw = Encoded(file: image, bytes: bytes, chunks: chunks.finish())
        return blob(raw, .raw, image: image, imageBytes: bytes, base: nil)
    }

    /// An image as a difference to another; nil if that takes `limit` bytes or more, or either is no image.
    func delta(from base: Digest, to image: Digest, below limit: Int, key: SealingKey? = nil) throws -> EncodedBlob? {
        let (old, new) = (try blobs.map(base), try blobs.map(image))
        let packed = try encode(below: limit, key) { sink throws(BlobCodingError) in
            try BlobEncoding.delta(from: old.bytes, to: new.bytes, sink: sink)
        }
        return packed.map { blob($0, .deltaZstd, image: image, imageBytes: new.bytes.count, base: base) }
    }

    // MARK: Pieces

    private struct Encoded {
        var file: Digest
        var bytes: Int
        var chunks: ChunkDigests
        var seal: [UInt8]?
    }

    /// Stores what `body` yields, sealed if there is a key; nil, and nothing stored, if it grows to `limit` bytes or what
    /// it reads is malformed.
    private func encode(
        below limit: Int, _ key: SealingKey?, _ body: @escaping (CodingSink) throws(BlobCodingError) -> Void
    ) throws -> Encoded? {
        var chunks = ChunkHasher(chunkBytes: chunkBytes)
        var sealer = try key.map { try ChunkSealer(imageKey: $0, chunkBytes: chunkBytes) }
        var yielded = 0
        var bytes = 0
        var failure: (any Error)?
        do {
            let file = try blobs.write { write in
                func put(_ piece: UnsafeRawBufferPointer) throws {
                    bytes += piece.count
                    chunks.add(piece)
                    try write(piece)
                }
                try body { (piece) throws(BlobCodingError) in
                    yielded += piece.count
                    guard yielded < limit else { throw BlobCodingError(.tooLarge, "\(limit) bytes and more") }
                    do {
                        if sealer == nil { try put(piece) } else { try sealer?.add(piece, each: put) }
                    } catch {
                        failure = error
                        throw BlobCodingError(.sinkFailed, "\(error)")
                    }
                }
                try sealer?.finish(each: put)
            }
            return Encoded(file: file, bytes: bytes, chunks: chunks.finish(), seal: sealer?.salt)
        } catch let error as BlobCodingError {
            if error.code == .tooLarge || error.code == .malformed { return nil }
            throw failure ?? error
        }
    }

    private func blob(
        _ encoded: Encoded, _ codec: BlobCodec, image: Digest, imageBytes: Int, base: Digest?
    ) -> EncodedBlob {
        EncodedBlob(
            map: BlobMap(
                bytes: encoded.bytes, chunkBytes: chunkBytes, pageChunks: WireLimits.pageChunks, codec: codec,
                image: image, imageBytes: imageBytes, base: base, chunks: encoded.chunks, seal: encoded.seal),
            file: encoded.file)
    }
}
