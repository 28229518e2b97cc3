import FleetModel
import FleetStore
import FleetWire
import GRDB

/// What a device refused and reported, as people are told of it: somebody tried, or something is badly set up.
enum ReportedRefusal {
    /// Failures that a fleet which is in order does not have: the broker, the controller or a key may be in wrong hands.
    static let suspicious: Set<InstallFailure> = [
        .badSignature, .tooFewSignatures, .expired, .oldCounter, .outsideDelegation, .outOfScope, .malformedManifest,
        .malformedImage, .wrongDigest,
    ]

    static func fingerprint(_ device: DeviceID, _ slot: SlotName) -> String { "refused/\(device)/\(slot)" }
    static func fingerprint(trustOf device: DeviceID) -> String { "refused/\(device)" }

    /// Whether an alert of any device's refusal is open.
    static func isAnyOpen(_ database: Database) throws -> Bool {
        try database.value(
            """
            SELECT EXISTS (SELECT 1 FROM alert
                WHERE closedAt IS NULL AND fingerprint >= 'refused/' AND fingerprint < 'refused0')
            """) ?? false
    }

    /// About one slot of a device; nil while it refuses nothing.
    static func condition(_ device: DeviceID, _ slot: ReportedSlot) -> AlertCondition? {
        guard let failure = slot.failure else { return nil }
        let isSuspicious = suspicious.contains(failure)
        guard isSuspicious || failure == .fetchTimedOut else { return nil }
        let release = slot.target.map { "release \($0.short)" } ?? "a release"
        return AlertCondition(
            fingerprint: fingerprint(device, slot.slot), kind: isSuspicious ? .trust : .delivery,
            severity: isSuspicious ? .critical : .warning, subject: device.text,
            title: isSuspicious
                ? "\(device) refused \(release): \(failure.rawValue)" : "\(device) did not get \(release) in time",
            reason: slot.detail.isEmpty ? failure.rawValue : slot.detail,
            action: isSuspicious
                ? "What it ran goes on running. If nobody of yours made this release so, the broker or the controller may "
                    + "be in wrong hands: see the audit, and who reaches them. Else correct the release."
                : "See whether the device's link is slow, or whether somebody withholds it; then start the rollout again."
        )
    }

    /// About role documents and times; nil while the device refuses none.
    static func condition(trustOf device: DeviceID, _ refusal: String?) -> AlertCondition? {
        guard let refusal else { return nil }
        return AlertCondition(
            fingerprint: fingerprint(trustOf: device), kind: .trust, severity: .critical, subject: device.text,
            title: "\(device) refused a document of trust", reason: refusal,
            action:
                "It keeps the document that it holds. If the root's holder did not publish this one, the broker or the "
                + "controller may be in wrong hands: see the audit, and compare with 'martlet root show'.")
    }
}
