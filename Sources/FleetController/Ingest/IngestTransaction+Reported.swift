import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB

/// What devices say of their slots, and their receipts.
extension IngestTransaction {
    mutating func applyReported(_ reported: Reported, to device: inout DeviceRecord) throws {
        device.observedGeneration = Int64(reported.observedGeneration)
        for slot in reported.slots {
            try update(slot, of: device.id)
            for message in slot.receipts { try applyReceipt(message, slot.slot, of: device) }
        }
        try tellRollouts(reported, of: device)
        changes.append(ChangeEvent(.device, device.id))
    }

    private mutating func tellRollouts(_ reported: Reported, of device: DeviceRecord) throws {
        var engine = RolloutEngine(
            database: database, now: now, devicePolicy: context.configuration.devicePolicy)
        for slot in reported.slots {
            // Read anew for each slot: a rollout may have raised the generation.
            let generation = try Int64.fetchOne(
                database, sql: "SELECT generation FROM device WHERE id = ?", arguments: [device.id])
            let isCurrent = Int64(reported.observedGeneration) >= generation ?? 0
            try engine.deviceReported(device.id, slot, isCurrent: isCurrent)
        }
        changes += engine.effects.changes
        outcome.mustDeliver = outcome.mustDeliver || engine.effects.mustDeliver
    }

    private func update(_ reported: ReportedSlot, of device: DeviceID) throws {
        var slot =
            try DeviceSlotRecord.filter(Column("device") == device && Column("slot") == reported.slot)
            .fetchOne(database) ?? DeviceSlotRecord(device: device, slot: reported.slot)
        slot.phase = reported.phase
        slot.target = reported.target
        slot.progress = Double(reported.progress)
        slot.failure = reported.failure
        slot.detail = reported.detail
        slot.champion = reported.champion
        slot.previous = reported.previous
        slot.reportedAt = now
        try slot.save(database)
    }

    /// Stores a receipt if it is the device's own: signed by its registered key, about a release that exists, and
    /// naming the image and version that the release holds.
    private mutating func applyReceipt(_ message: [UInt8], _ slot: SlotName, of device: DeviceRecord) throws {
        // Reported documents repeat their receipts: what is stored was verified.
        guard try !isStored(message, slot, of: device) else { return }
        let receipt: Receipt
        do {
            let signed = try COSESign(decoding: message)
            let key = try VerificationKey(raw: [UInt8](device.signingKey)).trusted(holder: device.id.text)
            try signed.verify(threshold: 1, keys: [key], context: .receipt, using: VerificationKey.check)
            receipt = try Receipt(decoding: signed.payload)
        } catch {
            outcome.refuse(device.id, "badReceipt", "a receipt that is not signed by the device: \(error)")
            return
        }
        guard receipt.slot == slot, let part = try manifest(receipt.release)?.part(for: slot),
            part.image.digest == receipt.image, part.version == receipt.version
        else {
            outcome.refuse(device.id, "badReceipt", "a receipt that does not fit release \(receipt.release.short)")
            return
        }
        try ReceiptRecord(
            device: device.id, slot: slot, release: receipt.release, committedAt: receipt.committedAt,
            image: receipt.image, model: receipt.version.model, number: receipt.version.number,
            counter: Int64(receipt.counter), goldenError: Double(receipt.goldenError), latency: receipt.latency,
            instructionSet: receipt.instructionSet, runtimeVersion: receipt.runtimeVersion, message: Data(message),
            receivedAt: now
        ).insert(database, onConflict: .ignore)
    }
    private func isStored(_ message: [UInt8], _ slot: SlotName, of device: DeviceRecord) throws -> Bool {
        try Bool.fetchOne(
            database, sql: "SELECT EXISTS (SELECT 1 FROM receipt WHERE device = ? AND slot = ? AND message = ?)",
            arguments: [device.id, slot, Data(message)]) ?? false
    }
}
