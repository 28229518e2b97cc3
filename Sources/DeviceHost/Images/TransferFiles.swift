import DeviceCore
import FleetCrypto
import FleetModel
package import FleetWire

/// What is on disk of a blob that is being pulled: its chunks at their places in one file, and beside it its map and
/// which chunks are there.
///
/// Nothing here is synced chunk by chunk, and nothing has to be: after a start the bits are claims, and each chunk is
/// hashed before it counts as held. A power cut costs what the disk had not taken, never more and never a wrong byte.
package struct TransferFiles {
    /// The chunks.
    let blob: String
    let files: any DeviceFiles
    private var map: String { "\(blob).map" }
    private var bits: String { "\(blob).bits" }
    private static let suffixes = ["", ".map", ".bits"]
    /// Before the map: its SHA-256 with the carrier's, and the carrier.
    private static let headerBytes = Digest.byteCount + 1

    /// How the chunks came so far.
    package struct Stored {
        package var map: BlobMap
        var carrier: CarrierKind
        /// Chunks that were written before; not yet proved to be there.
        var claimed: ChunkBitmap
    }

    package init(blob: String, files: any DeviceFiles) {
        self.blob = blob
        self.files = files
    }

    // MARK: Map

    /// The map's file: SHA-256 of the rest, one byte for the carrier, the map's own bytes.
    func put(map bytes: UnsafeRawBufferPointer, carrier: CarrierKind) throws(DeviceError) {
        let file = try files.open(map, .replace)
        try file.write(Self.digest(of: bytes, carrier).bytes + [carrier.rawValue], at: 0)
        try file.write(bytes, at: Self.headerBytes)
    }

    /// What an earlier pull left; nil if there is nothing, or nothing whole.
    package func stored() -> Stored? {
        let limit = Self.headerBytes + WireLimits.mapBytes
        guard let size = files.size(of: map), (Self.headerBytes...limit).contains(size), files.exists(blob),
            let header = try? content(of: map, from: 0, bytes: Self.headerBytes),
            let content = try? content(of: map, from: Self.headerBytes, bytes: size - Self.headerBytes),
            let carrier = header.last.flatMap(CarrierKind.init(rawValue:)),
            content.withUnsafeBytes({ Self.digest(of: $0, carrier) }) == Digest(header.dropLast()),
            let map = try? BlobMap(decoding: content)
        else { return nil }
        let count = map.chunks.count
        let claims = try? self.content(of: bits, from: 0, bytes: (count + 7) / 8)
        return Stored(
            map: map, carrier: carrier,
            claimed: claims.flatMap { ChunkBitmap(count: count, bytes: $0) } ?? ChunkBitmap(count: count))
    }

    private static func digest(of map: UnsafeRawBufferPointer, _ carrier: CarrierKind) -> Digest {
        var hash = SHA256()
        withUnsafeBytes(of: carrier.rawValue) { hash.update($0) }
        hash.update(map)
        return hash.finish()
    }

    private func content(of path: String, from offset: Int, bytes: Int) throws(DeviceError) -> [UInt8] {
        let file = try files.open(path, .read)
        var buffer = [UInt8](repeating: 0, count: bytes)
        guard try file.read(into: &buffer, at: offset) == bytes else {
            throw DeviceError(.wrongContent, "\(path) is cut short")
        }
        return buffer
    }

    // MARK: Bits

    /// The file of the bits, for the whole pull.
    func openBits() throws(DeviceError) -> any OpenFile { try files.open(bits, .update) }

    func remove() { for suffix in Self.suffixes { files.remove(blob + suffix) } }
}
