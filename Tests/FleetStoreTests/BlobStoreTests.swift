import FleetModel
import Foundation
import Testing

@testable import FleetStore

@Suite("Blobs")
struct BlobStoreTests {
    let folder: TemporaryFolder
    let blobs: BlobStore

    init() throws {
        folder = try TemporaryFolder()
        blobs = try BlobStore(folder: folder.url, digest: checksum)
    }

    @Test("a blob reads back under its digest, and writing it twice changes nothing", arguments: [0, 1, 70_000])
    func roundTrip(size: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
        let digest = try blobs.write(bytes)
        #expect(try blobs.write(bytes) == digest)
        #expect(try blobs.read(digest) == bytes)
        let files = try FileManager.default.contentsOfDirectory(
            atPath: blobs.url(digest).deletingLastPathComponent().path)
        #expect(files == [digest.hex])
    }

    @Test("a changed file is seen")
    func corrupt() throws {
        let digest = try blobs.write([1, 2, 3])
        try Data([1, 2, 4]).write(to: blobs.url(digest))
        let error = try #require(throws: StoreError.self) { try blobs.read(digest) }
        #expect(error.code == .corruptBlob)
    }

    @Test("a blob that is not there is said to be missing")
    func missing() throws {
        let digest = try blobs.write([1])
        blobs.remove(digest)
        #expect(!blobs.contains(digest))
        let error = try #require(throws: StoreError.self) { try blobs.read(digest) }
        #expect(error.code == .notFound)
    }

    @Test("a folder that cannot be written says so")
    func unwritable() throws {
        let file = folder.url.appendingPathComponent("file")
        try Data().write(to: file)
        #expect(throws: (any Error).self) { try BlobStore(folder: file, digest: checksum) }
    }
}

/// Stands in for SHA-256: the store only needs a function of the content.
@Sendable private func checksum(_ bytes: [UInt8]) -> Digest {
    var state = (0..<32).map { UInt8($0) }
    for (index, byte) in bytes.enumerated() { state[index % 32] = state[index % 32] &* 31 &+ byte &+ 1 }
    state[0] = UInt8(truncatingIfNeeded: bytes.count)
    return Digest(state) ?? Digest(repeatElement(0, count: 32))!
}
