public import FleetModel
public import Foundation
import Glibc

/// Immutable files named by the SHA-256 of their content, two levels deep: `ab/abcdef…`.
///
/// A file appears whole or not at all: it is written beside its place, synced, renamed and its folder synced. Two
/// writers of one content write the same bytes, so no lock is needed.
public struct BlobStore: Sendable {
    /// The largest blob, in bytes: what one retained image may be (architecture: "images to 2 GiB") with room.
    public static let byteLimit = 1 << 31

    /// The folder that holds everything.
    public let folder: URL
    private let digest: @Sendable ([UInt8]) -> Digest

    /// Opens the store in a folder, made if it is missing.
    ///
    /// - Parameter digest: SHA-256, passed in so that this module needs no crypto library.
    public init(folder: URL, digest: @escaping @Sendable ([UInt8]) -> Digest) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.folder = folder
        self.digest = digest
    }

    /// Where a blob's file is.
    public func url(_ blob: Digest) -> URL {
        let hex = blob.hex
        return folder.appendingPathComponent(String(hex.prefix(2)), isDirectory: true).appendingPathComponent(hex)
    }

    /// Whether the blob is here.
    public func contains(_ blob: Digest) -> Bool { FileManager.default.fileExists(atPath: url(blob).path) }

    /// Stores bytes durably and says under what digest. Storing twice changes nothing.
    @discardableResult
    public func write(_ bytes: [UInt8]) throws(StoreError) -> Digest {
        guard bytes.count <= Self.byteLimit else {
            throw StoreError(
                .blobTooLarge, "a blob of \(bytes.count) bytes is above the limit of \(Self.byteLimit)",
                hint: "split it or make it smaller")
        }
        let blob = digest(bytes)
        let place = url(blob)
        if contains(blob) { return blob }
        do {
            try FileManager.default.createDirectory(
                at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
        } catch {
            throw cannotWrite(place, "\(error)")
        }
        let temporary = place.deletingLastPathComponent()
            .appendingPathComponent(".\(blob.hex).\(UInt64.random(in: 0 ... .max))")
        try writeDurably(bytes, to: temporary)
        guard rename(temporary.path, place.path) == 0 else { throw cannotWrite(place, errorText()) }
        try syncFolder(place.deletingLastPathComponent())
        try syncFolder(folder)
        return blob
    }

    /// Reads a blob and proves its digest.
    public func read(_ blob: Digest) throws(StoreError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: url(blob).path) else {
            throw StoreError(
                .notFound, "blob \(blob.hex) is not in \(folder.path)",
                hint: "restore the data folder's blobs from its backup")
        }
        let bytes = [UInt8](data)
        guard digest(bytes) == blob else {
            throw StoreError(
                .corruptBlob, "blob \(blob.hex) in \(folder.path) does not have its digest",
                hint: "the disk may be failing; delete the file and restore it from a backup")
        }
        return bytes
    }

    /// Removes a blob; nothing happens if it is not here.
    public func remove(_ blob: Digest) { unlink(url(blob).path) }

    private func writeDurably(_ bytes: [UInt8], to file: URL) throws(StoreError) {
        let descriptor = open(file.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw cannotWrite(file, errorText()) }
        defer { close(descriptor) }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: written), $0.count - written)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let reason = errorText()
                unlink(file.path)
                throw cannotWrite(file, reason)
            }
            written += count
        }
        guard fsync(descriptor) == 0 else {
            let reason = errorText()
            unlink(file.path)
            throw cannotWrite(file, reason)
        }
    }

    private func syncFolder(_ url: URL) throws(StoreError) {
        let descriptor = open(url.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw cannotWrite(url, errorText()) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw cannotWrite(url, errorText()) }
    }

    private func cannotWrite(_ file: URL, _ reason: String) -> StoreError {
        StoreError(
            .cannotWriteBlob, "\(file.path) cannot be written: \(reason)",
            hint: "check the free space and the permissions of the data folder")
    }

    private func errorText() -> String { String(cString: strerror(errno)) }
}
