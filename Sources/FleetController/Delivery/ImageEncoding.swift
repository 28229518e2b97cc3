import CZstd
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
            chunks: stride(from: 0, to: bytes.count, by: chunkBytes).map { start in
                SHA256.hash(bytes[start..<min(start + chunkBytes, bytes.count)])
            })
    }

    /// One zstd frame (RFC 8878); the image itself if the library fails, which then is no smaller.
    private static func compress(_ image: [UInt8]) -> [UInt8] {
        let capacity = ZSTD_compressBound(image.count)
        let packed = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            let size = image.withUnsafeBytes {
                ZSTD_compress(buffer.baseAddress, capacity, $0.baseAddress, $0.count, DeliveryLimits.zstdLevel)
            }
            count = ZSTD_isError(size) == 0 ? size : 0
        }
        return packed.isEmpty ? image : packed
    }
}

