import FleetCrypto
import FleetModel
import FleetWire

/// Cuts a stream of bytes into pieces of one size; the last may be shorter.
final class ChunkCutter {
    private let size: Int
    private var chunk: [UInt8] = []

    /// - Parameter size: bytes of a piece, at least 1.
    init(size: Int) {
        self.size = size
        chunk.reserveCapacity(size)
    }

    func add<Failure>(
        _ bytes: UnsafeRawBufferPointer, each: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        var done = 0
        while done < bytes.count {
            let end = min(done + size - chunk.count, bytes.count)
            chunk.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[done..<end]))
            done = end
            if chunk.count == size { try finish(each: each) }
        }
    }

    /// Gives what is left.
    func finish<Failure>(each: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure) {
        guard !chunk.isEmpty else { return }
        try chunk.withUnsafeBufferPointer { (bytes) throws(Failure) in try each(UnsafeRawBufferPointer(bytes)) }
        chunk.removeAll(keepingCapacity: true)
    }
}

/// Hashes each chunk of a stream.
struct ChunkHasher {
    private let cutter: ChunkCutter
    private var digests: [UInt8] = []
    private let hash = SHA256Series()

    init(chunkBytes: Int) { cutter = ChunkCutter(size: chunkBytes) }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        cutter.add(bytes) { digests += hash.hash($0).bytes }
    }

    mutating func finish() -> ChunkDigests {
        cutter.finish { digests += hash.hash($0).bytes }
        return ChunkDigests(bytes: digests) ?? []
    }
}

/// Seals each chunk of a stream, with AES-256-GCM under the blob's own key and the chunk's index as nonce.
struct ChunkSealer {
    /// What the map says, so that devices come to the same key.
    let salt: [UInt8]
    private let key: SealingKey
    private let cutter: ChunkCutter
    private var index = 0

    /// - Parameter chunkBytes: bytes of a sealed chunk.
    init(imageKey: SealingKey, chunkBytes: Int) throws(CryptoError) {
        salt = try SecureRandom.bytes(BlobMap.sealBytes)
        key = imageKey.blobKey(salt: salt)
        cutter = ChunkCutter(size: chunkBytes - SealingKey.tagBytes)
    }

    mutating func add(_ bytes: UnsafeRawBufferPointer, each: (UnsafeRawBufferPointer) throws -> Void) throws {
        try cutter.add(bytes) { try seal($0, each) }
    }

    mutating func finish(each: (UnsafeRawBufferPointer) throws -> Void) throws {
        try cutter.finish { try seal($0, each) }
    }

    private mutating func seal(
        _ chunk: UnsafeRawBufferPointer, _ each: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let sealed = try key.seal(chunk, nonce: SealingKey.nonce(ofPart: index))
        index += 1
        try sealed.withUnsafeBytes(each)
    }
}
