import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Logging
import Metrics
import Synchronization

/// Makes differences between images in the background, each pair once: from what devices run to what they are to run
/// next. Delivery publishes those that are worth it.
final class DeltaService: Sendable {
    private let context: ControllerContext
    private let encoder: ImageEncoder
    private let background: BackgroundWork
    /// Image and base whose difference could not be made.
    private let failures = Mutex(RecentFailures<[Digest]>())
    private let wakeup = Wakeup()
    /// Called after a difference was made that is worth its while.
    private let made: @Sendable () -> Void
    private let saved = Counter(label: "martlet_delta_bytes_saved_total")

    /// - Parameter chunkBytes: how differences are cut; small worlds cut them smaller.
    init(
        context: ControllerContext, chunkBytes: Int = WireLimits.chunkBytes, made: @escaping @Sendable () -> Void
    ) {
        self.context = context
        background = BackgroundWork("deltas", context: context)
        self.made = made
        encoder = ImageEncoder(blobs: context.blobs, chunkBytes: chunkBytes)
    }

    /// A pair of images, and how many devices run the base.
    struct Pair: Hashable, Sendable {
        var image: Digest
        var base: Digest
        var devices: Int
    }

    /// Works until the task is cancelled.
    func run() async {
        await wakeup.run(atLeastEvery: DeliveryLimits.deltaPause) { await self.round() }
    }

    /// Makes what is missing. A pair that fails is tried again after `failurePause`; devices pull the whole meanwhile.
    func round() async {
        do {
            for pair in try await context.read(Self.missing) where !Task.isCancelled && !isResting(pair) {
                do { try await make(pair) } catch {
                    context.logFailure(of: "a delta", error)
                    failures.withLock { $0.failed([pair.image, pair.base], at: context.now()) }
                }
            }
        } catch {
            context.logFailure(of: "deltas", error)
        }
    }

    private func isResting(_ pair: Pair) -> Bool {
        failures.withLock { $0.isResting([pair.image, pair.base], at: context.now()) }
    }

    /// Pairs that were not made: images of approved and released releases, from those that devices run in the same
    /// slot for the same model; of an image at most `deltasPerImage`, the bases that most devices run first.
    static func missing(_ database: Database) throws -> [Pair] {
        let rows = try database.rows(
            """
            SELECT wanted.image AS image, held.image AS base, count(DISTINCT slot.device) AS devices,
                (SELECT count(*) FROM delta WHERE delta.image = wanted.image) AS made
            FROM release_part AS wanted
            JOIN release ON release.name = wanted.release AND release.stage IN ('approved', 'released')
            JOIN device_slot AS slot ON slot.slot = wanted.slot
            JOIN release AS running ON running.digest = slot.champion
            JOIN release_part AS held
                ON held.release = running.name AND held.slot = slot.slot AND held.model = wanted.model
            WHERE held.image <> wanted.image
                AND (release.counter > running.counter OR slot.desiredRelease = release.digest)
                AND NOT EXISTS (
                    SELECT 1 FROM delta WHERE delta.image = wanted.image AND delta.base = held.image)
            GROUP BY wanted.image, held.image
            ORDER BY devices DESC, wanted.image, held.image
            """)
        var counts: [Digest: Int] = [:]
        return rows.compactMap { row in
            let pair = Pair(image: row["image"], base: row["base"], devices: row["devices"])
            let count = counts[pair.image] ?? row["made"]
            guard count < DeliveryLimits.deltasPerImage else { return nil }
            counts[pair.image] = count + 1
            return pair
        }
    }

    private func make(_ pair: Pair) async throws {
        let (key, knownBytes) = try await context.write { database, _ in
            (try ImageKeys.key(database, of: pair.image), try DeliveryRecord.fetchOne(database, key: pair.image)?.bytes)
        }
        let (fullBytes, delta) = try await background.run { [encoder] in
            let full = try knownBytes ?? encoder.full(pair.image, key: key).map.bytes
            let worthwhile = full / 10 * DeliveryLimits.deltaTenths
            return (full, try encoder.delta(from: pair.base, to: pair.image, below: worthwhile, key: key))
        }
        let now = context.now()
        try await context.write { database, _ in
            if let delta {
                try BlobRecord(digest: delta.file, bytes: delta.map.bytes, kind: .delivery, createdAt: now)
                    .insert(database, onConflict: .ignore)
                try DeliveryRecord(delta, createdAt: now).insert(database, onConflict: .ignore)
            }
            try DeltaRecord(
                image: pair.image, base: pair.base, blob: delta?.file, bytes: delta?.map.bytes ?? fullBytes,
                createdAt: now
            ).insert(database, onConflict: .ignore)
        }
        context.logger.info(
            "delta",
            metadata: [
                "image": "\(pair.image.short)", "base": "\(pair.base.short)", "devices": "\(pair.devices)",
                "bytes": "\(delta.map { "\($0.map.bytes)" } ?? "not worth it")", "full": "\(fullBytes)",
            ])
        guard let delta else { return }
        saved.increment(by: (fullBytes - delta.map.bytes) * pair.devices)
        made()
    }
}

extension DeliveryRecord {
    /// A blob that was just encoded: the image's own under the image's digest, a difference under its own.
    init(_ encoded: EncodedBlob, createdAt: Instant) {
        self.init(
            blob: encoded.map.base == nil ? encoded.map.image : encoded.file, image: encoded.map.image,
            base: encoded.map.base, codec: encoded.map.codec.rawValue, file: encoded.file, bytes: encoded.map.bytes,
            map: Data(encoded.map.encoded()), createdAt: createdAt)
    }
}
