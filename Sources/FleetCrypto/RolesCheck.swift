public import FleetModel

/// Whether a role document makes sense in itself: a signature says who wrote it, not that a fleet can live with it. The
/// holder of the root checks it before signing, the controller before publishing.
public enum RolesCheck {
    /// The first thing that is wrong, for people; nil if nothing is.
    public static func fault(in roles: TrustRoles) -> String? {
        if let fault = keyFault(in: roles) { return fault }
        for delegation in roles.delegations {
            if let fault = fault(in: delegation) { return "the delegation to \(delegation.key.holder): \(fault)" }
        }
        return nil
    }

    private static func keyFault(in roles: TrustRoles) -> String? {
        let people = Set(roles.releaseKeys.map(\.publicKey))
        guard people.count == roles.releaseKeys.count else { return "two release keys are the same key" }
        guard roles.threshold >= 1, roles.threshold <= people.count else {
            return "a threshold of \(roles.threshold) with \(people.count) release keys"
        }
        let machines = roles.timeKeys + roles.delegations.map(\.key)
        for key in roles.releaseKeys + machines where key.id != VerificationKey.keyID(of: key.publicKey) {
            return "the id '\(key.id)' of \(key.holder) is not the one of its public key"
        }
        // What may lie on the controller must never count as a person.
        if let shared = machines.first(where: { people.contains($0.publicKey) }) {
            return "\(shared.holder)'s key is a person's release key too: make it a key of its own"
        }
        return nil
    }

    private static func fault(in delegation: Delegation) -> String? {
        guard !delegation.models.isEmpty else { return "it names no model" }
        do { _ = try Selector(delegation.group) } catch { return "the group \(error.description)" }
        guard delegation.canaryShare > 0, delegation.canaryShare <= 1 else {
            return "a canary share of \(delegation.canaryShare) is not above 0 and at most 1"
        }
        return nil
    }
}
