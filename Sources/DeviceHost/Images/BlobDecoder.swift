import BlobCoding
import FleetCrypto
import FleetModel
import FleetWire

/// Turns a pulled blob into the image it stands for: from file to file, hashed on the way, in memory that does not grow
/// with the image.
enum BlobDecoder {
    /// Codecs that this device reads; it says so in its presence.
    static let codecs = BlobCodec.allCases

    /// Decodes `blob` into `target`, syncs it, and gives the digest of what was written.
    ///
    /// - Parameters:
    ///   - seal: what opens a sealed blob.
    ///   - base: the image that a delta starts from.
    ///   - limit: bytes of the image; a blob that yields more is refused.
    static func decode(
        _ codec: BlobCodec, from blob: String, seal: BlobSeal?, base: String?, to target: String, limit: Int,
        in files: any DeviceFiles
    ) throws(DeviceError) -> Digest {
        let source = BlobFile(file: try files.open(blob, .read), seal: seal)
        let output = try files.open(target, .replace)
        var writer = HashingWriter(limit: limit)
        // A full disk must keep its name on the way through the codec.
        var failure: DeviceError?
        do throws(BlobCodingError) {
            let sink: CodingSink = { (bytes) throws(BlobCodingError) in
                do throws(DeviceError) { try writer.write(bytes, to: output) } catch {
                    failure = error
                    throw BlobCodingError(.sinkFailed, error.context)
                }
            }
            switch codec {
            case .raw: try source.copy(to: sink)
            case .zstd: try BlobDecoding.inflate(source, limit: limit, to: sink)
            case .deltaZstd:
                let base = try BlobFile(base: base, in: files)
                try BlobDecoding.applyDelta(source, to: base, imageBytes: limit, sink: sink)
            }
        } catch {
            throw failure ?? DeviceError(.wrongContent, error.detail)
        }
        try output.sync()
        return writer.digest()
    }
}

/// How a sealed blob is opened: chunk by chunk, each with its tag at its end.
struct BlobSeal {
    let key: SealingKey
    /// Bytes of a chunk with its tag.
    let chunkBytes: Int

    /// Bytes of a chunk without it.
    var plainBytes: Int { chunkBytes - SealingKey.tagBytes }
}

/// A file as codecs read it: what is sealed reads as if it were not, a chunk at a time.
private final class BlobFile: CodingBytes {
    private let file: any OpenFile
    private let seal: BlobSeal?
    /// The chunk that was opened last.
    private var opened: (index: Int, bytes: [UInt8])?

    init(file: any OpenFile, seal: BlobSeal?) {
        self.file = file
        self.seal = seal
    }

    convenience init(base path: String?, in files: any DeviceFiles) throws(BlobCodingError) {
        guard let path else { throw BlobCodingError(.wrongBase, "the delta's base is not on this device") }
        do throws(DeviceError) { self.init(file: try files.open(path, .read), seal: nil) } catch {
            throw BlobCodingError(.wrongBase, error.context)
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(BlobCodingError) -> Int {
        guard let seal else { return try readFile(into: buffer, at: offset) }
        let index = offset / seal.plainBytes
        if opened?.index != index { opened = (index, try open(chunk: index, seal)) }
        guard let bytes = opened?.bytes.dropFirst(offset % seal.plainBytes).prefix(buffer.count) else { return 0 }
        buffer.copyBytes(from: bytes)
        return bytes.count
    }

    private func open(chunk index: Int, _ seal: BlobSeal) throws(BlobCodingError) -> [UInt8] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: seal.chunkBytes, alignment: 64)
        defer { buffer.deallocate() }
        let count = try readFile(into: buffer, at: index * seal.chunkBytes)
        guard count > 0 else { return [] }
        let sealed = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count])
        do throws(CryptoError) { return try seal.key.open(sealed, nonce: SealingKey.nonce(ofPart: index)) } catch {
            throw BlobCodingError(.malformed, "chunk \(index): \(error.context)")
        }
    }

    private func readFile(
        into buffer: UnsafeMutableRawBufferPointer, at offset: Int
    ) throws(BlobCodingError) -> Int {
        do throws(DeviceError) { return try file.read(into: buffer, at: offset) } catch {
            throw BlobCodingError(.sourceFailed, error.context)
        }
    }

    func copy(to sink: CodingSink) throws(BlobCodingError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: DeviceLimits.fileBuffer, alignment: 64)
        defer { buffer.deallocate() }
        var offset = 0
        while true {
            let count = try read(into: buffer, at: offset)
            if count == 0 { return }
            try sink(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
            offset += count
        }
    }
}

/// Writes on, and hashes what it writes, up to a limit.
private struct HashingWriter: ~Copyable {
    private var hash = SHA256()
    private var offset = 0
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    mutating func write(_ bytes: UnsafeRawBufferPointer, to file: any OpenFile) throws(DeviceError) {
        guard offset + bytes.count <= limit else {
            throw DeviceError(.wrongContent, "the blob decodes to more than the \(limit) bytes of the image")
        }
        hash.update(bytes)
        try file.write(bytes, at: offset)
        offset += bytes.count
    }

    func digest() -> Digest { hash.current() }
}
