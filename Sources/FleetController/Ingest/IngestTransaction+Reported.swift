import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Logging

/// What devices say of their slots, and their receipts.
extension IngestTransaction {
    mutating func applyReported(_ reported: Reported, to device: inout DeviceRecord) throws {
        device.observedGeneration = Int64(reported.observedGeneration)
        for slot in reported.slots {
            try update(slot, of: device.id)
            try tell(
                ReportedRefusal.condition(device.id, slot), under: ReportedRefusal.fingerprint(device.id, slot.slot))
            let known = try storedReceipts(slot, of: device.id)
            for message in slot.receipts where !known.contains(Data(message)) {
                try applyReceipt(message, slot.slot, of: device)
            }
        }
        try tell(
            ReportedRefusal.condition(trustOf: device.id, reported.trustRefusal),
            under: ReportedRefusal.fingerprint(trustOf: device.id))
        let isCurrent = device.observedGeneration >= device.generation
        let heard = try RolloutEngine.news(database, of: device.id, reported.slots, isCurrent: isCurrent)
        for (rollout, events) in heard { news[rollout, default: []] += events }
        changes.append(ChangeEvent(.device, device.id))
    }

    /// Opens the alert of a refusal, or closes it once there is none. Documents repeat: what was told is not told again.
    private mutating func tell(_ condition: AlertCondition?, under fingerprint: String) throws {
        guard let condition else {
            guard try anyRefusalIsOpen() else { return }
            return try AlertBook.close(database, fingerprint: fingerprint, at: now, changes: &changes)
        }
        hasOpenRefusals = true
        let open = try AlertBook.openAlert(database, fingerprint)
        guard open?.title != condition.title || open?.reason != condition.reason else { return }
        context.logger.warning(
            "a device refused what it was given",
            metadata: ["device": "\(condition.subject)", "what": "\(condition.title)", "why": "\(condition.reason)"])
        try AlertBook.open(database, condition, at: now, changes: &changes)
    }

    /// Asked once for a batch: mostly no device refuses anything, and then no document has to look for its own alerts.
    private mutating func anyRefusalIsOpen() throws -> Bool {
        if let known = hasOpenRefusals { return known }
        let isOpen = try ReportedRefusal.isAnyOpen(database)
        hasOpenRefusals = isOpen
        return isOpen
    }

    private func update(_ reported: ReportedSlot, of device: DeviceID) throws {
        try DeviceSlotRecord(
            device: device, slot: reported.slot, phase: reported.phase, target: reported.target,
            progress: Double(reported.progress), failure: reported.failure, detail: reported.detail,
            champion: reported.champion, previous: reported.previous, reportedAt: now
        ).storeReported(database)
    }

    /// Stores a receipt if it is the device's own: signed by its registered key, about a release that exists, and
    /// naming the image and version that the release holds.
    private mutating func applyReceipt(_ message: [UInt8], _ slot: SlotName, of device: DeviceRecord) throws {
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
        guard receipt.slot == slot, let part = try part(receipt.release, slot),
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
        ).store(database)
    }

    /// Reported documents repeat their receipts: what is stored was verified.
    private func storedReceipts(_ reported: ReportedSlot, of device: DeviceID) throws -> [Data] {
        guard !reported.receipts.isEmpty else { return [] }
        let places = databaseQuestionMarks(count: reported.receipts.count)
        return try database.values(
            "SELECT message FROM receipt WHERE device = ? AND slot = ? AND message IN (\(places))",
            [device, reported.slot] + StatementArguments(reported.receipts.map { Data($0) }))
    }
}
