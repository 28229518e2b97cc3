import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import MQTTTransport
import Synchronization

/// Blobs: encoding images, seeding their chunks, seeding some again, clearing what nobody needs.
extension DeliveryService {
    // MARK: Encoding

    /// Encodes images of releases in use that were not encoded yet.
    func encode(_ images: [Digest]) async throws {
        for image in images { try await isolate(image) { try await encode(image) } }
    }

    private func encode(_ image: Digest) async throws {
        let key = try await context.write { database, _ in try ImageKeys.key(database, of: image) }
        let encoded = try await background.run { [blobs = context.blobs] in
            try ImageEncoder(blobs: blobs).full(image, key: key)
        }
        let now = context.now()
        try await context.write { database, _ in
            // A model that was sealed meanwhile: the next round encodes its image anew.
            guard try ImageKeys.key(database, of: image) == key else { return }
            try BlobRecord(digest: encoded.file, bytes: encoded.map.bytes, kind: .delivery, createdAt: now)
                .insert(database, onConflict: .ignore)
            try DeliveryRecord(encoded, createdAt: now).insert(database, onConflict: .ignore)
        }
    }

    // MARK: Seeding

    /// Publishes needed blobs that the broker does not hold, within the cap on retained bytes.
    func publishBlobs(_ waiting: [DeliveryRecord], retained: Int) async throws {
        var held = retained
        var byRequest: Set<Digest> = []
        for delivery in waiting {
            guard held + delivery.bytes <= context.configuration.retainedBytesLimit else {
                // Without a difference devices pull the whole.
                if delivery.base == nil, try await offer(delivery, held: held) { byRequest.insert(delivery.image) }
                continue
            }
            try await isolate(delivery.blob, base: delivery.base) { try await publish(delivery) }
            if !isResting(delivery.blob) { held += delivery.bytes }
        }
        let overflow = byRequest
        self.held.withLock { $0.byRequest = overflow }
    }

    /// Lets devices ask for an image that passes the cap, once all of it is sound.
    ///
    /// - Returns: whether they may.
    private func offer(_ delivery: DeliveryRecord, held: Int) async throws -> Bool {
        try await tellFull(delivery, held: held)
        try await isolate(delivery.blob) {
            guard !self.held.withLock({ $0.byRequest.contains(delivery.image) }) else { return }
            let map = try BlobMap(decoding: [UInt8](delivery.map))
            try await background.run { [blobs = context.blobs] in
                let file = try blobs.map(delivery.file)
                for index in map.chunks.indices { _ = try Self.chunk(index, of: file.bytes, map) }
            }
        }
        return !isResting(delivery.blob)
    }

    /// Gives the broker a blob. What cannot be given whole is not left there in part.
    private func publish(_ delivery: DeliveryRecord) async throws {
        let map = try BlobMap(decoding: [UInt8](delivery.map))
        do {
            try await seed(delivery, map, chunks: Array(map.chunks.indices))
            try await deliver(.blobMap(delivery.blob), [UInt8](delivery.map), priority: .control)
        } catch let error where !Self.endsRound(error) {
            try await withdraw(delivery)
            throw error
        }
        try await markPublished(delivery)
    }

    /// Takes a blob from the broker.
    func withdraw(_ delivery: DeliveryRecord) async throws {
        try await deliver(.blobMap(delivery.blob), [], priority: .control)
        for topic in Self.chunkTopics(delivery) { try await deliver(topic, [], priority: .bulk) }
        try await context.write { database, _ in
            try database.run("UPDATE delivery SET publishedAt = NULL WHERE blob = ?", [delivery.blob])
        }
    }

    /// Where the broker keeps a blob's chunks. One whose map cannot be read any more was cut as all are.
    private static func chunkTopics(_ delivery: DeliveryRecord) -> [Topic] {
        if let map = try? BlobMap(decoding: [UInt8](delivery.map)) {
            return map.chunks.indices.map { map.topic(ofChunk: $0, in: delivery.blob) }
        }
        let count = (delivery.bytes + WireLimits.chunkBytes - 1) / WireLimits.chunkBytes
        return (0..<count).map {
            .chunk(delivery.blob, page: $0 / WireLimits.pageChunks, index: $0 % WireLimits.pageChunks)
        }
    }

    private func markPublished(_ delivery: DeliveryRecord) async throws {
        let now = context.now()
        let fallback = context.configuration.devicePolicy
        try await context.write { database, changes in
            try database.execute(
                sql: "UPDATE delivery SET publishedAt = ? WHERE blob = ?", arguments: [now, delivery.blob])
            try AlertBook.close(
                database, fingerprint: Self.fullFingerprint(delivery.blob), at: now, changes: &changes)
            // Devices that wait for the image are told of the shorter way.
            guard delivery.base != nil else { return }
            try DesiredDocument.refresh(database, awaiting: delivery.image, fallback: fallback)
        }
    }

    /// Publishes chunks, at most `chunksInFlight` at a time.
    ///
    /// - Parameter device: the one that asked for them; nil gives them to the broker, for all.
    func seed(_ delivery: DeliveryRecord, _ map: BlobMap, chunks: [Int], to device: DeviceID? = nil) async throws {
        let file = try context.blobs.map(delivery.file)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (count, index) in chunks.enumerated() {
                if count >= DeliveryLimits.chunksInFlight { try await group.next() }
                let chunk = try Self.chunk(index, of: file.bytes, map)
                let topic =
                    device.map {
                        Topic.ownChunk(
                            $0, delivery.blob, page: index / map.pageChunks, index: index % map.pageChunks)
                    } ?? map.topic(ofChunk: index, in: delivery.blob)
                group.addTask { try await self.deliver(topic, chunk, priority: .bulk) }
            }
            try await group.waitForAll()
        }
    }

    /// A chunk's bytes, proved by its digest: what the disk damaged is not given to the fleet.
    private static func chunk(_ index: Int, of file: UnsafeRawBufferPointer, _ map: BlobMap) throws -> [UInt8] {
        let range = map.range(ofChunk: index)
        let bytes = range.upperBound <= file.count ? [UInt8](file[range]) : []
        guard SHA256.hash(bytes) == map.chunks[index] else {
            throw StoreError(
                .corruptBlob, "chunk \(index) of image \(map.image.hex) is damaged on the controller's disk",
                hint: "the disk may be failing; restore the data folder's blobs from its backup")
        }
        return bytes
    }

    private static func fullFingerprint(_ blob: Digest) -> String { "retained/\(blob.hex)" }

    private func tellFull(_ delivery: DeliveryRecord, held: Int) async throws {
        let limit = context.configuration.retainedBytesLimit
        let now = context.now()
        try await context.write { database, changes in
            try AlertBook.open(
                database,
                AlertCondition(
                    fingerprint: Self.fullFingerprint(delivery.blob), kind: .delivery, severity: .warning,
                    subject: delivery.blob.short, title: "An image is sent to each device by itself",
                    reason: "\(delivery.bytes) bytes more than the \(held) retained ones pass the limit of \(limit).",
                    action:
                        "Nothing, if the traffic is affordable. Else retire releases or raise delivery.retained_bytes."),
                at: now, changes: &changes)
        }
    }

    // MARK: Re-seeding

    /// Publishes again what a device misses, each chunk at most once per `reseedPause`: that repairs every device.
    func reseed(_ need: Need) async throws {
        guard let delivery = try await context.read({ try DeliveryRecord.fetchOne($0, key: need.blob) }),
            delivery.publishedAt != nil
        else { return }
        let map = try BlobMap(decoding: [UInt8](delivery.map))
        let now = context.now()
        let asked = need.missing.flatMap { $0.clamped(to: map.chunks.indices) }.prefix(DeliveryLimits.reseedChunks)
        let allowed = reseeds.withLock { limiter in
            asked.filter { limiter.allow(.init(blob: need.blob, chunk: $0), at: now) }
        }
        let withMap = reseeds.withLock { $0.allow(.init(blob: need.blob, chunk: nil), at: now) }
        if !allowed.isEmpty {
            try await isolate(need.blob, base: delivery.base) { try await seed(delivery, map, chunks: allowed) }
        }
        if withMap { try await deliver(.blobMap(need.blob), [UInt8](delivery.map), priority: .control) }
    }

    // MARK: Request and response

    /// Sends a device the map or the chunks that it asks for: where the broker does not keep them. Nothing of a blob that
    /// turned out damaged.
    func answer(_ request: Need, from device: DeviceID) async throws {
        guard !isResting(request.blob),
            let delivery = try await context.read({ try DeliveryRecord.fetchOne($0, key: request.blob) })
        else { return }
        guard !request.missing.isEmpty else {
            return try await deliver(
                .ownBlobMap(device, request.blob), [UInt8](delivery.map), priority: .control)
        }
        let map = try BlobMap(decoding: [UInt8](delivery.map))
        let asked = request.missing.lazy.flatMap { $0.clamped(to: map.chunks.indices) }
        do {
            try await seed(delivery, map, chunks: Array(asked.prefix(DeliveryLimits.fetchChunks)), to: device)
        } catch let error as StoreError {
            try await condemn(delivery, error)
        }
    }

    /// A blob that cannot be read fails for all as it does in a round, whoever asked for it.
    private func condemn(_ delivery: DeliveryRecord, _ error: StoreError) async throws {
        held.withLock { _ = $0.byRequest.remove(delivery.image) }
        try await isolate(delivery.blob, base: delivery.base) {
            if delivery.publishedAt != nil { try await withdraw(delivery) }
            throw error
        }
    }

    // MARK: Clearing

    /// Removes blobs from the broker whose last release was retired longer ago than the grace, and differences to what
    /// no device runs any more.
    func clear(_ unused: [DeliveryRecord]) async throws {
        for delivery in unused { try await withdraw(delivery) }
    }

    /// Removes manifests of releases that were retired longer ago than the grace.
    func clearManifests(_ retired: [Digest]) async throws {
        for digest in retired where held.withLock({ $0.releases.contains(digest) }) {
            try await deliver(.release(digest), [], priority: .control)
            held.withLock { _ = $0.releases.remove(digest) }
        }
    }
}
