import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Logging
import MQTTTransport
import Synchronization

/// The audit of a broker after every (re)connect: it may have been restarted, lost its last minutes or been replaced.
extension DeliveryService {
    /// Compares what the broker retains with what the database says it was given, and marks what has to be given again.
    func audit() async throws {
        let connection = held.withLock { $0.connection }
        let seen = await ask([topics.trust, topics.allReleases, topics.allDesired, topics.allBlobMaps], expecting: nil)
        let reported = await ask([topics.allReported], expecting: nil)
        try await auditDesired(seen, reported)
        try await auditReleases(seen)
        let deliveries = try await context.read { try DeliveryRecord.all($0, where: "publishedAt IS NOT NULL") }
        for delivery in deliveries { try await audit(delivery, mapSeen: seen[.blobMap(delivery.blob)]) }
        held.withLock { $0.isAudited = $0.connection == connection }
    }

    private func audit(_ delivery: DeliveryRecord, mapSeen: Digest?) async throws {
        try await isolate(delivery.blob, base: delivery.base) {
            do { try await auditBlob(delivery, mapSeen: mapSeen) } catch let error where !Self.endsRound(error) {
                // What the broker has of it is no use to anybody. From now on it is a blob that was not given yet.
                try await withdraw(delivery)
                throw error
            }
        }
    }

    /// Subscribes, gathers the retained messages that come, and unsubscribes.
    private func ask(_ filters: [String], expecting count: Int?) async -> [Topic: Digest] {
        inbox.open()
        link.subscribe(filters, qos: .atMostOnce)
        await inbox.wait(for: count, patience: DeliveryLimits.auditPatience, silence: auditSilence)
        link.unsubscribe(filters)
        return inbox.close()
    }

    /// Gives a device its desired document again where the broker has another one or none. Where the broker has nothing
    /// that the device reported, what it reported in the controller's absence may be lost: to a desired document it
    /// answers with where it stands.
    private func auditDesired(_ seen: [Topic: Digest], _ reported: [Topic: Digest]) async throws {
        try await context.write { database, _ in
            let published = try DeviceRecord.filter(sql: "publishedGeneration = generation AND desired IS NOT NULL")
                .fetchAll(database)
            for device in published {
                let isThere = seen[.desired(device.id)] == SHA256.hash(device.desired ?? Data())
                if isThere, reported[.reported(device.id)] != nil { continue }
                try database.execute(
                    sql: "UPDATE device SET publishedGeneration = 0 WHERE id = ?", arguments: [device.id])
            }
        }
    }

    private func auditReleases(_ seen: [Topic: Digest]) async throws {
        let (digests, document) = try await context.read { database in
            (
                try Digest.fetchAll(database, sql: "SELECT digest FROM release WHERE digest IS NOT NULL"),
                try TrustRows.document(database)
            )
        }
        // A release's digest is the SHA-256 of its signed message, so that the broker's copy proves itself.
        let present = digests.filter { seen[.release($0)] == $0 }
        let roles = document.flatMap { seen[.roles] == SHA256.hash($0.message) ? $0.number : nil }
        held.withLock { held in
            held.releases = Set(present)
            held.roles = roles
        }
    }

    /// Seeds again the chunks of a blob that the broker lost or that are not what they should be.
    private func auditBlob(_ delivery: DeliveryRecord, mapSeen: Digest?) async throws {
        let map = try BlobMap(decoding: [UInt8](delivery.map))
        var missing: [Int] = []
        for page in 0..<map.pageCount {
            let chunks = page * map.pageChunks..<min((page + 1) * map.pageChunks, map.chunks.count)
            let seen = await ask([topics.page(delivery.blob, page)], expecting: chunks.count)
            missing += chunks.filter { seen[map.topic(ofChunk: $0, in: delivery.blob)] != map.chunks[$0] }
        }
        if !missing.isEmpty {
            context.logger.warning(
                "the broker lost chunks", metadata: ["blob": "\(delivery.blob.short)", "chunks": "\(missing.count)"])
            try await seed(delivery, map, chunks: missing)
        }
        if mapSeen != SHA256.hash(delivery.map) {
            try await deliver(.blobMap(delivery.blob), [UInt8](delivery.map), priority: .control)
        }
    }
}
