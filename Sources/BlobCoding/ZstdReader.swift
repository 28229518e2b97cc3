import CZstd

/// Decompresses one zstd frame from bytes that are read as they are needed. A frame with a larger window than
/// `BlobCodingLimits.windowLog` is refused.
struct ZstdReader: ~Copyable {
    private let stream: OpaquePointer
    private let input: UnsafeMutableRawBufferPointer
    private var filled = 0
    private var consumed = 0
    private var offset = 0
    private var isFrameOver = false

    init() throws(BlobCodingError) {
        guard let stream = ZSTD_createDStream() else { throw BlobCodingError(.outOfMemory, "no memory for zstd") }
        self.stream = stream
        input = .allocate(byteCount: BlobCodingLimits.readBytes, alignment: 64)
        _ = ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, BlobCodingLimits.windowLog)
    }

    deinit {
        ZSTD_freeDStream(stream)
        input.deallocate()
    }

    /// Gives up to `buffer.count` bytes, fewer only where the frame ends.
    mutating func read(
        into buffer: UnsafeMutableRawBufferPointer, from source: borrowing some CodingBytes & ~Copyable
    ) throws(BlobCodingError) -> Int {
        var piece = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
        while piece.pos < piece.size, !isFrameOver {
            if consumed == filled { try refill(from: source) }
            var part = ZSTD_inBuffer(src: input.baseAddress, size: filled, pos: consumed)
            let before = piece.pos
            let left = ZSTD_decompressStream(stream, &piece, &part)
            guard ZSTD_isError(left) == 0 else {
                throw BlobCodingError(.malformed, "zstd: \(String(cString: ZSTD_getErrorName(left)))")
            }
            isFrameOver = left == 0
            // Nothing taken, nothing given and nothing left to read: the blob ends within its frame.
            if filled == 0, piece.pos == before, !isFrameOver {
                throw BlobCodingError(.malformed, "zstd: the blob ends within a frame")
            }
            consumed = part.pos
        }
        return piece.pos
    }

    /// Throws unless frame and blob end here.
    mutating func finish(_ source: borrowing some CodingBytes & ~Copyable) throws(BlobCodingError) {
        var byte: UInt8 = 0
        var more = 0
        var failure: BlobCodingError?
        withUnsafeMutableBytes(of: &byte) { buffer in
            do throws(BlobCodingError) { more = try read(into: buffer, from: source) } catch { failure = error }
        }
        if let failure { throw failure }
        guard more == 0, consumed == filled else { throw BlobCodingError(.malformed, "zstd: bytes after the image") }
        try refill(from: source)
        guard filled == 0 else { throw BlobCodingError(.malformed, "zstd: bytes after the frame") }
    }

    private mutating func refill(from source: borrowing some CodingBytes & ~Copyable) throws(BlobCodingError) {
        filled = try source.read(into: input, at: offset)
        consumed = 0
        offset += filled
    }
}
