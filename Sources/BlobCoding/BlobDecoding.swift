/// Turns a blob's bytes into the image that they stand for, piece by piece: memory does not grow with the image.
public enum BlobDecoding {
    /// Decompresses one zstd frame.
    ///
    /// - Parameter limit: bytes of the image; a blob that gives more is refused.
    public static func inflate(
        _ blob: borrowing some CodingBytes & ~Copyable, limit: Int, to sink: CodingSink
    ) throws(BlobCodingError) {
        var reader = try ZstdReader()
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: BlobCodingLimits.blockBytes, alignment: 64)
        defer { piece.deallocate() }
        var done = 0
        while true {
            let count = try reader.read(into: piece, from: blob)
            guard done + count <= limit else { throw tooLarge(limit) }
            if count > 0 { try sink(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(piece)[..<count])) }
            done += count
            if count < piece.count { break }
        }
        try reader.finish(blob)
    }

    /// Applies a delta to its base.
    ///
    /// - Parameters:
    ///   - base: the image that the delta starts from.
    ///   - imageBytes: size of the result: a delta that gives more or less is refused.
    public static func applyDelta(
        _ blob: borrowing some CodingBytes & ~Copyable, to base: borrowing some CodingBytes & ~Copyable,
        imageBytes: Int, sink: CodingSink
    ) throws(BlobCodingError) {
        var reader = try ZstdReader()
        let block = BlobCodingLimits.blockBytes
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * block, alignment: 64)
        defer { memory.deallocate() }
        let planes = UnsafeMutableRawBufferPointer(rebasing: memory[..<block])
        let image = UnsafeMutableRawBufferPointer(rebasing: memory[block...])
        try read(DeltaSegment.magic.count, into: planes, &reader, blob)
        guard planes[..<DeltaSegment.magic.count].elementsEqual(DeltaSegment.magic) else {
            throw BlobCodingError(.malformed, "delta: the stream does not begin with MDZ1")
        }
        var left = imageBytes
        while left > 0 {
            try read(DeltaSegment.headerBytes, into: planes, &reader, blob)
            let segment = try DeltaSegment(header: UnsafeRawBufferPointer(planes), left: left)
            try apply(segment, planes: planes, image: image, &reader, blob, base, sink)
            left -= segment.length
        }
        try reader.finish(blob)
    }

    private static func apply(
        _ segment: DeltaSegment, planes: UnsafeMutableRawBufferPointer, image: UnsafeMutableRawBufferPointer,
        _ reader: inout ZstdReader, _ blob: borrowing some CodingBytes & ~Copyable,
        _ base: borrowing some CodingBytes & ~Copyable, _ sink: CodingSink
    ) throws(BlobCodingError) {
        var done = 0
        while done < segment.length {
            let count = min(image.count, segment.length - done)
            try read(count, into: planes, &reader, blob)
            let part = UnsafeMutableRawBufferPointer(rebasing: image[..<count])
            if let start = segment.base { try base.fill(part, at: start + done, orThrow: .wrongBase, "the base") }
            if let source = planes.baseAddress, let target = part.baseAddress {
                ElementDifference.join(
                    segment.kind, planes: source.assumingMemoryBound(to: UInt8.self),
                    segment.base == nil ? nil : UnsafeRawPointer(target), count: count / segment.kind.width,
                    target: target)
            }
            try sink(UnsafeRawBufferPointer(part))
            done += count
        }
    }

    private static func read(
        _ count: Int, into buffer: UnsafeMutableRawBufferPointer, _ reader: inout ZstdReader,
        _ blob: borrowing some CodingBytes & ~Copyable
    ) throws(BlobCodingError) {
        let got = try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), from: blob)
        guard got == count else { throw BlobCodingError(.malformed, "delta: the stream ends too early") }
    }

    private static func tooLarge(_ limit: Int) -> BlobCodingError {
        BlobCodingError(.tooLarge, "the blob decodes to more than the \(limit) bytes of the image")
    }
}
