import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB

/// What a device is told to do, made from its slots and the policies that pick it.
///
/// It is a level, not an edge: the document is stored with its generation in the transaction that changed what it is
/// made of; delivery publishes it until the broker has taken it, after every restart and reconnect again.
enum DesiredDocument {
    /// Makes the document anew and raises its generation if it says something else than before.
    static func refresh(_ database: Database, _ id: DeviceID, fallback: DevicePolicy) throws {
        let found = try DeviceRecord.first(database, where: "id = ?", [id])
        guard let device = found, device.revokedAt == nil else { return }
        let slots = try DeviceSlotRecord.all(database, where: "device = ? ORDER BY slot", [id])
        let wanted = try slots.compactMap { slot -> DesiredSlot? in
            guard let release = slot.desiredRelease else { return nil }
            return DesiredSlot(
                slot: slot.slot, release: release, activation: slot.activation, deadline: slot.deadline ?? .epoch,
                sources: try sources(database, slot), keys: try ImageKeys.envelopes(database, slot, of: device))
        }
        let policy = try policy(database, id, fallback: fallback)
        let same = Desired(generation: UInt64(device.generation), slots: wanted, policy: policy)
        guard device.generation == 0 || device.desired != Data(same.encoded()) else { return }
        let next = device.generation + 1
        let document = Desired(generation: UInt64(next), slots: wanted, policy: policy)
        try database.run(
            "UPDATE device SET generation = ?, desired = ? WHERE id = ?", [next, Data(document.encoded()), id])
    }

    /// Differences that lead a slot to the image that it wants, the smallest first; none once it runs it.
    private static func sources(_ database: Database, _ slot: DeviceSlotRecord) throws -> [BlobSource] {
        guard slot.champion != slot.desiredRelease, slot.champion != nil else { return [] }
        return try database.rows(
            """
            SELECT part.image AS image, delivery.blob AS blob, delivery.base AS base FROM release
            JOIN release_part AS part ON part.release = release.name AND part.slot = ?
            JOIN delivery ON delivery.image = part.image
            WHERE release.digest = ? AND delivery.base IS NOT NULL AND delivery.publishedAt IS NOT NULL
            ORDER BY delivery.bytes, delivery.blob LIMIT ?
            """, [slot.slot, slot.desiredRelease, DeliveryLimits.deltasPerImage]
        ).map { BlobSource(image: $0["image"], blob: $0["blob"], base: $0["base"]) }
    }

    /// Makes the documents of the devices anew that do not run this image yet and are to.
    static func refresh(_ database: Database, awaiting image: Digest, fallback: DevicePolicy) throws {
        let devices: [DeviceID] = try database.values(
            """
            SELECT DISTINCT slot.device FROM device_slot AS slot
            JOIN release ON release.digest = slot.desiredRelease
            JOIN release_part AS part ON part.release = release.name AND part.slot = slot.slot
            WHERE part.image = ? AND slot.champion IS NOT slot.desiredRelease
            """, [image])
        for device in devices { try refresh(database, device, fallback: fallback) }
    }

    /// Makes the documents of all devices anew, after a policy changed.
    static func refreshAll(_ database: Database, fallback: DevicePolicy) throws {
        for id in try DeviceQueries.select(database, .all) { try refresh(database, id, fallback: fallback) }
    }

    /// The fallback, changed by every enabled sampling policy that picks the device, in the order of their names.
    static func policy(_ database: Database, _ id: DeviceID, fallback: DevicePolicy) throws -> DevicePolicy {
        let records = try PolicyRecord.all(
            database, where: "kind = ? AND enabled ORDER BY name", [PolicyKind.sampling.rawValue])
        guard !records.isEmpty else { return fallback }
        let tags = try DeviceQueries.tags(database, of: id)
        var policy = fallback
        for record in records {
            let document = try JSONDecoder().decode(SamplingDocument.self, from: Data(record.document.utf8))
            if try Selector(document.selector).matches(id, tags: tags) { policy = document.applied(to: policy) }
        }
        return policy
    }
}
