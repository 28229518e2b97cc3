import FleetCrypto
import FleetModel
import FleetStore
import Foundation

@testable import FleetController

/// A disk that fails below the blob store.
extension TestFleet {
    /// Damages a blob's second chunk, or near its end if it has no more than one; gives what the file held.
    func damage(_ file: Digest) throws -> [UInt8] {
        let whole = try controller.blobs.read(file)
        let handle = try FileHandle(forWritingTo: controller.blobs.url(file))
        try handle.seek(toOffset: UInt64(min(70_000, whole.count - 8)))
        try handle.write(contentsOf: [1, 2, 3, 4, 5, 6, 7, 8])
        try handle.close()
        return whole
    }

    /// Loses a blob's file; gives what it held.
    func lose(_ file: Digest) throws -> [UInt8] {
        let whole = try controller.blobs.read(file)
        controller.blobs.remove(file)
        return whole
    }

    /// Restores a blob's file from a backup.
    func mend(_ whole: [UInt8]) throws {
        controller.blobs.remove(SHA256.hash(whole))
        try controller.blobs.write(whole)
    }

    /// What people are told of blobs that could not be delivered, and is not over.
    func openFailures() async throws -> [AlertRecord] {
        try await read {
            try AlertRecord.all($0, where: "closedAt IS NULL AND fingerprint LIKE 'delivery/%' ORDER BY openedAt")
        }
    }
}
