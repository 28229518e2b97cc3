import FleetCrypto
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

    /// Opens the store in a folder, made if it is missing.
    public init(folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.folder = folder
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
        try checkSize(bytes.count)
        let blob = SHA256.hash(bytes)
        if contains(blob) { return blob }
        let file = try BlobFile(in: folder)
        try bytes.withUnsafeBytesTyped { (buffer) throws(StoreError) in try file.write(buffer) }
        try keep(file, as: blob)
        return blob
    }

    /// Stores what `body` writes, piece by piece and durably, and says under what digest: memory does not grow with it.
    @discardableResult
    public func write(
        _ body: (_ write: (UnsafeRawBufferPointer) throws(StoreError) -> Void) throws -> Void
    ) throws -> Digest {
        let file = try BlobFile(in: folder)
        var hash = SHA256()
        var count = 0
        try body { (bytes) throws(StoreError) in
            count += bytes.count
            try checkSize(count)
            hash.update(bytes)
            try file.write(bytes)
        }
        let blob = hash.current()
        if !contains(blob) { try keep(file, as: blob) }
        return blob
    }

    private func checkSize(_ bytes: Int) throws(StoreError) {
        guard bytes <= Self.byteLimit else {
            throw StoreError(
                .blobTooLarge, "a blob of \(bytes) bytes is above the limit of \(Self.byteLimit)",
                hint: "split it or make it smaller")
        }
    }

    /// Gives a whole file its name.
    private func keep(_ file: BlobFile, as blob: Digest) throws(StoreError) {
        let place = url(blob)
        do {
            try FileManager.default.createDirectory(
                at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
        } catch {
            throw BlobFile.cannotWrite(place, "\(error)")
        }
        try file.finish(at: place)
        try syncFolder(place.deletingLastPathComponent())
        try syncFolder(folder)
    }

    /// A blob's bytes where they are: the disk's pages, which cost no memory of this process's own. Its digest is not
    /// looked at; whoever sends pieces on proves them by digests of their own.
    public func map(_ blob: Digest) throws(StoreError) -> MappedBlob {
        guard let mapped = MappedBlob(path: url(blob).path) else { throw notFound(blob) }
        return mapped
    }

    /// Reads a blob and proves its digest.
    public func read(_ blob: Digest) throws(StoreError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: url(blob).path) else { throw notFound(blob) }
        let bytes = [UInt8](data)
        guard SHA256.hash(bytes) == blob else {
            throw StoreError(
                .corruptBlob, "blob \(blob.hex) in \(folder.path) does not have its digest",
                hint: "the disk may be failing; delete the file and restore it from a backup")
        }
        return bytes
    }

    /// Removes a blob; nothing happens if it is not here.
    public func remove(_ blob: Digest) { unlink(url(blob).path) }

    private func notFound(_ blob: Digest) -> StoreError {
        StoreError(
            .notFound, "blob \(blob.hex) is not in \(folder.path)",
            hint: "restore the data folder's blobs from its backup")
    }

    private func syncFolder(_ url: URL) throws(StoreError) {
        let descriptor = open(url.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw BlobFile.cannotWrite(url, BlobFile.errorText()) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw BlobFile.cannotWrite(url, BlobFile.errorText()) }
    }
}
