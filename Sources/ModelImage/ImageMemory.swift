/// An image's bytes at the address that the runtime wants; freed with the last reference.
///
/// `@unchecked Sendable`: nobody writes the bytes after `init`.
public final class ImageMemory: @unchecked Sendable {
    /// The bytes; they live as long as this object.
    public let bytes: UnsafeRawBufferPointer

    /// Copies an image.
    public init(copying image: [UInt8]) {
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(image.count, 1), alignment: ImageFormat.alignment)
        memory.copyBytes(from: image)
        bytes = UnsafeRawBufferPointer(rebasing: memory[0..<image.count])
    }

    deinit { bytes.deallocate() }

    /// Calls `body` with the bytes, which stay until it returns.
    public func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(self) {} }
        return try body(bytes)
    }
}
