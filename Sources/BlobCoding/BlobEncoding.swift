/// Makes blobs of images. The images are whole in memory or, better, mapped; what is made leaves piece by piece.
public enum BlobEncoding {
    /// Compresses an image to one zstd frame.
    public static func deflate(_ image: UnsafeRawBufferPointer, to sink: CodingSink) throws(BlobCodingError) {
        var writer = try ZstdWriter()
        try writer.write(image, .endFrame, to: sink)
    }

    /// Encodes `image` as a difference to `base`; the caller keeps whichever codec's blob is smallest.
    ///
    /// - Throws: `malformed` if either is not an image at an address that is a multiple of 64; what the sink throws.
    public static func delta(
        from base: UnsafeRawBufferPointer, to image: UnsafeRawBufferPointer, sink: CodingSink
    ) throws(BlobCodingError) {
        let plan = DeltaPlan.segments(from: try DeltaImage(base), to: try DeltaImage(image))
        var writer = try ZstdWriter()
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: BlobCodingLimits.blockBytes, alignment: 64)
        defer { memory.deallocate() }
        guard let planes = memory.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        try write(DeltaSegment.magic, .more, &writer, sink)
        var offset = 0
        for planned in plan {
            let segment = DeltaPlan.worthwhile(planned, at: offset, image, base, planes: planes)
            try write(segment.header, .more, &writer, sink)
            try encode(segment, at: offset, image, base, planes: planes, &writer, sink)
            offset += segment.length
        }
        try write([], .endFrame, &writer, sink)
    }

    private static func encode(
        _ segment: DeltaSegment, at offset: Int, _ image: UnsafeRawBufferPointer, _ base: UnsafeRawBufferPointer,
        planes: UnsafeMutablePointer<UInt8>, _ writer: inout ZstdWriter, _ sink: CodingSink
    ) throws(BlobCodingError) {
        guard let target = image.baseAddress, let source = base.baseAddress else { return }
        var done = 0
        while done < segment.length {
            let bytes = min(BlobCodingLimits.blockBytes, segment.length - done)
            let count = bytes / segment.kind.width
            ElementDifference.split(
                segment.kind, target + offset + done, segment.base.map { source + $0 + done }, count: count,
                planes: planes)
            for plane in 0..<segment.kind.width {
                // A block of its own is worth its header for all but the smallest planes.
                try writer.write(
                    UnsafeRawBufferPointer(start: planes + plane * count, count: count),
                    count >= smallestBlock ? .endBlock : .more, to: sink)
            }
            done += bytes
        }
    }

    /// Bytes of a plane from which on it becomes a block of zstd's own.
    private static let smallestBlock = 2048

    private static func write(
        _ bytes: [UInt8], _ directive: ZstdWriter.Directive, _ writer: inout ZstdWriter, _ sink: CodingSink
    ) throws(BlobCodingError) {
        var failure: BlobCodingError?
        bytes.withUnsafeBytes { buffer in
            do throws(BlobCodingError) { try writer.write(buffer, directive, to: sink) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}
