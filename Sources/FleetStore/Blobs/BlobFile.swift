import Foundation
import Glibc

/// A file that is being written beside its place. It is gone unless `finish` gave it a name.
final class BlobFile {
    private let file: URL
    private let descriptor: Int32
    private var isNamed = false

    init(in folder: URL) throws(StoreError) {
        file = folder.appendingPathComponent(".new.\(UInt64.random(in: 0 ... .max))")
        descriptor = open(file.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw Self.cannotWrite(file, Self.errorText()) }
    }

    deinit {
        close(descriptor)
        if !isNamed { unlink(file.path) }
    }

    /// Appends all of the bytes.
    func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        var written = 0
        while written < bytes.count {
            let count = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Self.cannotWrite(file, Self.errorText()) }
            written += count
        }
    }

    /// Syncs the file and gives it its name; the folders are the caller's to sync.
    func finish(at place: URL) throws(StoreError) {
        guard fsync(descriptor) == 0, rename(file.path, place.path) == 0 else {
            throw Self.cannotWrite(place, Self.errorText())
        }
        isNamed = true
    }

    static func cannotWrite(_ file: URL, _ reason: String) -> StoreError {
        StoreError(
            .cannotWriteBlob, "\(file.path) cannot be written: \(reason)",
            hint: "check the free space and the permissions of the data folder")
    }

    static func errorText() -> String { String(cString: strerror(errno)) }
}

/// A blob's file, mapped into memory.
///
/// `@unchecked Sendable`: the bytes are never written, and stay where they are while this lives.
public final class MappedBlob: @unchecked Sendable {
    /// The blob's bytes, at an address that is a multiple of a page. Valid while this lives.
    public let bytes: UnsafeRawBufferPointer

    init?(path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        let count = Int(status.st_size)
        // mmap refuses an empty range.
        guard count > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            return nil
        }
        bytes = UnsafeRawBufferPointer(start: start, count: count)
    }

    deinit {
        guard let start = bytes.baseAddress else { return }
        munmap(UnsafeMutableRawPointer(mutating: start), bytes.count)
    }
}

extension [UInt8] {
    /// `withUnsafeBytes` that keeps the error's type.
    func withUnsafeBytesTyped(
        _ body: (UnsafeRawBufferPointer) throws(StoreError) -> Void
    ) throws(StoreError) {
        let result = withUnsafeBytes { bytes -> Result<Void, StoreError> in
            do throws(StoreError) { return .success(try body(bytes)) } catch { return .failure(error) }
        }
        try result.get()
    }
}
