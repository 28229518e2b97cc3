import CZstd

/// Compresses to one zstd frame (RFC 8878), piece by piece, with a window that small devices can afford.
struct ZstdWriter: ~Copyable {
    private let stream: OpaquePointer
    private let output: UnsafeMutableRawBufferPointer

    enum Directive {
        case more
        /// Ends the present block, so that what follows gets statistics of its own.
        case endBlock
        case endFrame
    }

    init() throws(BlobCodingError) {
        guard let stream = ZSTD_createCStream() else { throw BlobCodingError(.outOfMemory, "no memory for zstd") }
        self.stream = stream
        output = .allocate(byteCount: BlobCodingLimits.blockBytes, alignment: 64)
        _ = ZSTD_CCtx_setParameter(stream, ZSTD_c_compressionLevel, BlobCodingLimits.level)
        _ = ZSTD_CCtx_setParameter(stream, ZSTD_c_windowLog, BlobCodingLimits.windowLog)
    }

    deinit {
        ZSTD_freeCStream(stream)
        output.deallocate()
    }

    /// Takes all of `bytes` and hands on what is ready.
    mutating func write(
        _ bytes: UnsafeRawBufferPointer, _ directive: Directive, to sink: CodingSink
    ) throws(BlobCodingError) {
        let end =
            switch directive {
            case .more: ZSTD_e_continue
            case .endBlock: ZSTD_e_flush
            case .endFrame: ZSTD_e_end
            }
        var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
        while true {
            var piece = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
            let left = ZSTD_compressStream2(stream, &piece, &input, end)
            guard ZSTD_isError(left) == 0 else {
                throw BlobCodingError(.outOfMemory, "zstd: \(String(cString: ZSTD_getErrorName(left)))")
            }
            if piece.pos > 0 {
                try sink(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(output)[..<piece.pos]))
            }
            if input.pos == input.size, left == 0 || directive == .more { return }
        }
    }
}
