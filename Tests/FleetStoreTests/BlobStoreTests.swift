import FleetCrypto
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
        blobs = try BlobStore(folder: folder.url)
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

    @Test("a blob that is written piece by piece is the same, and reads back mapped", arguments: [0, 1, 70_000])
    func pieces(size: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
        let digest = try blobs.write { write in
            for start in stride(from: 0, to: size, by: 1000) {
                try bytes.withUnsafeBytes {
                    try write(UnsafeRawBufferPointer(rebasing: $0[start..<min(start + 1000, size)]))
                }
            }
        }
        #expect(digest == SHA256.hash(bytes))
        let mapped = try blobs.map(digest)
        #expect(mapped.bytes.elementsEqual(bytes))
        blobs.remove(digest)
        #expect(mapped.bytes.elementsEqual(bytes))
        #expect(throws: StoreError.self) { try blobs.map(digest) }
    }

    @Test("a blob whose writing ends early leaves nothing behind")
    func abandoned() throws {
        struct Enough: Error {}
        #expect(throws: Enough.self) {
            try blobs.write { write in
                try [UInt8](repeating: 1, count: 10).withUnsafeBytes { try write($0) }
                throw Enough()
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
    }

    @Test("a folder that cannot be written says so")
    func unwritable() throws {
        let file = folder.url.appendingPathComponent("file")
        try Data().write(to: file)
        #expect(throws: (any Error).self) { try BlobStore(folder: file) }
    }
}
