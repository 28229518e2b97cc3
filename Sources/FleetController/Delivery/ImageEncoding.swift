import BlobCoding
import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB

/// An image as it goes to the broker: encoded once, cut into chunks.
struct EncodedImage: Sendable {
    var map: BlobMap
    var bytes: [UInt8]

    /// Encodes an image raw or with zstd, whichever is smaller.
    init(image: [UInt8], digest: Digest, chunkBytes: Int = WireLimits.chunkBytes) {
        let packed = Self.compress(image)
        let (codec, bytes) = packed.count < image.count ? (BlobCodec.zstd, packed) : (.raw, image)
        self.bytes = bytes
        map = BlobMap(
            bytes: bytes.count, chunkBytes: chunkBytes, pageChunks: WireLimits.pageChunks, codec: codec,
            image: digest, imageBytes: image.count, base: nil,
            chunks: ChunkDigests(
                stride(from: 0, to: bytes.count, by: chunkBytes).map { start in
                    SHA256.hash(bytes[start..<min(start + chunkBytes, bytes.count)])
                }))
    }

    /// One zstd frame; the image itself if there is no memory for it, which then is no smaller.
    private static func compress(_ image: [UInt8]) -> [UInt8] {
        var packed: [UInt8] = []
        packed.reserveCapacity(image.count)
        do { try image.withUnsafeBytes { try BlobEncoding.deflate($0) { packed += $0 } } } catch { return image }
        return packed
    }
}
