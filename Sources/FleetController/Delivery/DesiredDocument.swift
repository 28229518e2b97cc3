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
        guard let device = try DeviceRecord.fetchOne(database, key: id), device.revokedAt == nil else { return }
        let slots = try DeviceSlotRecord.filter(Column("device") == id).order(Column("slot")).fetchAll(database)
        let wanted = slots.compactMap { slot -> DesiredSlot? in
            guard let release = slot.desiredRelease else { return nil }
            return DesiredSlot(
                slot: slot.slot, release: release, activation: slot.activation, deadline: slot.deadline ?? .epoch)
        }
        let policy = try policy(database, id, fallback: fallback)
        let same = Desired(generation: UInt64(device.generation), slots: wanted, policy: policy)
        guard device.generation == 0 || device.desired != Data(same.encoded()) else { return }
        let next = device.generation + 1
        let document = Desired(generation: UInt64(next), slots: wanted, policy: policy)
        try database.execute(
            sql: "UPDATE device SET generation = ?, desired = ? WHERE id = ?",
            arguments: [next, Data(document.encoded()), id])
    }

    /// Makes the documents of all devices anew, after a policy changed.
    static func refreshAll(_ database: Database, fallback: DevicePolicy) throws {
        for id in try DeviceQueries.select(database, .all) { try refresh(database, id, fallback: fallback) }
    }

    /// The fallback, changed by every enabled sampling policy that picks the device, in the order of their names.
    static func policy(_ database: Database, _ id: DeviceID, fallback: DevicePolicy) throws -> DevicePolicy {
        let records = try PolicyRecord.filter(Column("kind") == PolicyKind.sampling && Column("enabled") == true)
            .order(Column("name")).fetchAll(database)
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
