import DeviceCore
import FleetCrypto
import FleetModel
import FleetWire

/// What is on disk of a blob that is being pulled: its chunks at their places in one file, and beside it its map and
/// which chunks are there.
///
/// Nothing here is synced chunk by chunk, and nothing has to be: after a start the bits are claims, and each chunk is
/// hashed before it counts as held. A power cut costs what the disk had not taken, never more and never a wrong byte.
struct TransferFiles {
    /// The chunks.
    let blob: String
    private var map: String { "\(blob).map" }
    private var bits: String { "\(blob).bits" }
    static let suffixes = ["", ".map", ".bits"]

    /// How the chunks came so far.
    struct Stored {
        var map: BlobMap
        var carrier: CarrierKind
        /// Chunks that were written before; not yet proved to be there.
        var claimed: ChunkBitmap
    }

    // MARK: Map

    /// The map's file: SHA-256 of the rest, one byte for the carrier, the map's own bytes.
    func put(map bytes: some Collection<UInt8>, carrier: CarrierKind) throws(DeviceError) {
        let content = [carrier.rawValue] + bytes
        let file = try File(map, .replace)
        try file.write(SHA256.hash(content).bytes + content, at: 0)
    }

    /// What an earlier pull left; nil if there is nothing, or nothing whole.
    func stored() -> Stored? {
        let limit = Digest.byteCount + 1 + WireLimits.mapBytes
        guard let size = FileSystem.size(of: map), (Digest.byteCount + 1...limit).contains(size),
            FileSystem.exists(blob), var content = try? Self.content(of: map, bytes: size)
        else { return nil }
        let digest = Digest(content.prefix(Digest.byteCount))
        content.removeFirst(Digest.byteCount)
        guard SHA256.hash(content) == digest, let carrier = CarrierKind(rawValue: content.removeFirst()),
            let map = try? BlobMap(decoding: content)
        else { return nil }
        let count = map.chunks.count
        let bytes = try? Self.content(of: bits, bytes: (count + 7) / 8)
        return Stored(
            map: map, carrier: carrier,
            claimed: bytes.flatMap { ChunkBitmap(count: count, bytes: $0) } ?? ChunkBitmap(count: count))
    }

    private static func content(of path: String, bytes: Int) throws(DeviceError) -> [UInt8] {
        let file = try File(path, .read)
        var buffer = [UInt8](repeating: 0, count: bytes)
        guard try file.read(into: &buffer, at: 0) == bytes else {
            throw DeviceError(.wrongContent, "\(path) is cut short")
        }
        return buffer
    }

    // MARK: Bits

    func put(bits bitmap: ChunkBitmap, isDurable: Bool) throws(DeviceError) {
        let file = try File(bits, .update)
        try file.write(bitmap.bytes, at: 0)
        if isDurable { try file.sync() }
    }

    func remove() { for suffix in Self.suffixes { FileSystem.remove(blob + suffix) } }
}

extension File {
    /// Writes all of an array.
    func write(_ bytes: [UInt8], at offset: Int) throws(DeviceError) {
        // The error leaves the closure as a value: rethrowing would lose its type.
        var failure: DeviceError?
        bytes.withUnsafeBytes { buffer in
            do throws(DeviceError) { try write(buffer, at: offset) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}
