import BlobCoding
import ModelImage

func deflated(_ bytes: [UInt8]) throws -> [UInt8] {
    var blob: [UInt8] = []
    try bytes.withUnsafeBytes { try BlobEncoding.deflate($0) { blob += $0 } }
    return blob
}

func delta(from base: [UInt8], to image: [UInt8]) throws -> [UInt8] {
    var blob: [UInt8] = []
    let (old, new) = (ImageMemory(copying: base), ImageMemory(copying: image))
    try BlobEncoding.delta(from: old.bytes, to: new.bytes) { blob += $0 }
    return blob
}

func applied(_ blob: [UInt8], to base: [UInt8], imageBytes: Int) throws -> [UInt8] {
    var image: [UInt8] = []
    try blob.withUnsafeBytes { blob in
        try base.withUnsafeBytes { base in
            try BlobDecoding.applyDelta(blob, to: base, imageBytes: imageBytes) { image += $0 }
        }
    }
    return image
}

func inflated(_ blob: [UInt8], limit: Int) throws -> [UInt8] {
    var image: [UInt8] = []
    try blob.withUnsafeBytes { try BlobDecoding.inflate($0, limit: limit) { image += $0 } }
    return image
}
