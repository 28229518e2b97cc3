/// Bytes that a decoder reads where it wants: a file, a mapped file, an array.
public protocol CodingBytes: ~Copyable {
    /// Reads up to `buffer.count` bytes from `offset`; 0 at and after the end.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(BlobCodingError) -> Int
}

extension CodingBytes where Self: ~Copyable {
    /// Fills the whole buffer, or says which bytes of `what` are missing.
    func fill(
        _ buffer: UnsafeMutableRawBufferPointer, at offset: Int, orThrow code: BlobCodingError.Code, _ what: String
    ) throws(BlobCodingError) {
        var done = 0
        while done < buffer.count {
            let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]), at: offset + done)
            guard count > 0 else { throw BlobCodingError(code, "\(what) ends before byte \(offset + buffer.count)") }
            done += count
        }
    }
}

extension UnsafeRawBufferPointer: CodingBytes {
    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(BlobCodingError) -> Int {
        guard offset < count else { return 0 }
        let part = UnsafeRawBufferPointer(rebasing: self[offset..<Swift.min(offset + buffer.count, count)])
        buffer.copyMemory(from: part)
        return part.count
    }
}

/// Takes what a codec produces, piece by piece and in order. The bytes are valid during the call only.
public typealias CodingSink = (UnsafeRawBufferPointer) throws(BlobCodingError) -> Void

/// Bounds of the codecs: together they keep a decoder below 2 MiB whatever the image's size.
public enum BlobCodingLimits {
    /// Base-two logarithm of the window of zstd, on both sides: 1 MiB.
    public static let windowLog: Int32 = 20
    /// Level of zstd: the higher ones gain under 1 % on weights and cost a multiple of the time.
    public static let level: Int32 = 3
    /// Bytes of the image that a delta transforms at a time.
    public static let blockBytes = 256 << 10
    /// Bytes of a blob that are read at a time.
    public static let readBytes = 64 << 10
}
