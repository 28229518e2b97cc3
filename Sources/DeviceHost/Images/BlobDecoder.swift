import CZstd
import FleetCrypto
import FleetModel
import FleetWire

/// Turns a pulled blob into the image it stands for, piece by piece: memory does not grow with the image.
enum BlobDecoder {
    /// Codecs that this device reads; it says so in its presence.
    static let codecs: [BlobCodec] = [.raw, .zstd]

    /// Decodes `blob` into `target` and gives the digest of what was written.
    ///
    /// - Parameter limit: bytes after which the output is refused: a small blob may claim to be an endless image.
    static func decode(
        _ codec: BlobCodec, from blob: String, to target: String, limit: Int, in files: any DeviceFiles
    ) throws(DeviceError) -> Digest {
        let source = try files.open(blob, .read)
        let output = try files.open(target, .replace)
        var writer = HashingWriter(limit: limit)
        switch codec {
        case .raw: try copy(source, to: output, &writer)
        case .zstd: try inflate(source, to: output, &writer)
        case .deltaZstd: throw DeviceError(.wrongContent, "codec delta-zstd is not spoken by this device")
        }
        try output.sync()
        return writer.finish()
    }

    private static func copy(
        _ source: any OpenFile, to output: any OpenFile, _ writer: inout HashingWriter
    ) throws(DeviceError) {
        var buffer = [UInt8](repeating: 0, count: DeviceLimits.fileBuffer)
        var offset = 0
        while true {
            let count = try source.read(into: &buffer, at: offset)
            if count == 0 { return }
            try writer.write(buffer[..<count], to: output)
            offset += count
        }
    }

    private static func inflate(
        _ source: any OpenFile, to output: any OpenFile, _ writer: inout HashingWriter
    ) throws(DeviceError) {
        guard let stream = ZSTD_createDStream() else { throw DeviceError(.wrongContent, "no memory for zstd") }
        defer { ZSTD_freeDStream(stream) }
        // 8 MiB: the window of the levels that the controller uses, and the most that this device spends.
        _ = ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 23)
        var input = [UInt8](repeating: 0, count: DeviceLimits.fileBuffer)
        var piece = [UInt8](repeating: 0, count: DeviceLimits.fileBuffer)
        var offset = 0
        var left = 1
        while true {
            let count = try source.read(into: &input, at: offset)
            if count == 0 { break }
            offset += count
            var consumed = 0
            var produced = 0
            repeat {
                left = step(stream, input: input[..<count], &consumed, &piece, &produced)
                guard ZSTD_isError(left) == 0 else {
                    throw DeviceError(.wrongContent, "zstd: \(String(cString: ZSTD_getErrorName(left)))")
                }
                try writer.write(piece[..<produced], to: output)
            } while consumed < count || produced == piece.count
        }
        guard left == 0 else { throw DeviceError(.wrongContent, "zstd: the blob ends within a frame") }
    }

    private static func step(
        _ stream: OpaquePointer, input: ArraySlice<UInt8>, _ consumed: inout Int, _ piece: inout [UInt8],
        _ produced: inout Int
    ) -> Int {
        input.withUnsafeBytes { source in
            piece.withUnsafeMutableBytes { target in
                var inBuffer = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: consumed)
                var outBuffer = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                let left = ZSTD_decompressStream(stream, &outBuffer, &inBuffer)
                consumed = inBuffer.pos
                produced = outBuffer.pos
                return left
            }
        }
    }
}

/// Writes on, and hashes what it writes, up to a limit.
private struct HashingWriter: ~Copyable {
    private var hash = SHA256()
    private var offset = 0
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    mutating func write(_ bytes: ArraySlice<UInt8>, to file: any OpenFile) throws(DeviceError) {
        guard offset + bytes.count <= limit else {
            throw DeviceError(.wrongContent, "the blob decodes to more than the \(limit) bytes of the image")
        }
        hash.update(bytes)
        var failure: DeviceError?
        bytes.withUnsafeBytes { buffer in
            do throws(DeviceError) { try file.write(buffer, at: offset) } catch { failure = error }
        }
        if let failure { throw failure }
        offset += bytes.count
    }

    consuming func finish() -> Digest { hash.finish() }
}
