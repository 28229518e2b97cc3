import FleetModel
import FleetWire

/// Who must have signed a release.
extension TrustCheck {
    /// A manifest under the signatures of enough people; or of an automation key, with the delegation that has yet to
    /// be held against the release and the device.
    func signed(
        _ message: [UInt8], roles: TrustRoles, at now: Instant
    ) throws(Refusal) -> (manifest: ReleaseManifest, delegation: Delegation?) {
        let signed = try Self.read("manifest") { () throws(WireError) in try COSESign(decoding: message) }
        var delegation: Delegation?
        do {
            try signed.verify(
                threshold: bugs.contains(.oneSignature) ? 1 : roles.threshold, keys: roles.releaseKeys,
                context: .release, using: functions.verify)
        } catch {
            delegation = roles.delegations.first { isSigned(signed, by: $0.key) }
            guard delegation != nil else { throw Self.refusal(signed, roles: roles, error) }
        }
        if let delegation, now >= delegation.expires {
            throw Refusal(.expired, "the delegation to \(delegation.key.holder) has expired")
        }
        let manifest = try Self.read("manifest") { () throws(WireError) in
            try ReleaseManifest(decoding: signed.payload)
        }
        return (manifest, delegation)
    }

    private func isSigned(_ signed: COSESign, by key: TrustedKey) -> Bool {
        (try? signed.verify(threshold: 1, keys: [key], context: .release, using: functions.verify)) != nil
    }

    private static func refusal(_ signed: COSESign, roles: TrustRoles, _ error: WireError) -> Refusal {
        let known = signed.signatures.contains { signature in
            roles.releaseKeys.contains { $0.id == signature.keyID }
        }
        return Refusal(known ? .tooFewSignatures : .badSignature, "signatures: \(error)")
    }

    /// Holds what an automation key signed against what it may sign. The device decides it alone, so that a controller
    /// in the wrong hands cannot stretch a canary.
    func check(
        _ delegation: Delegation, allows manifest: ReleaseManifest, on fitness: DeviceFitness
    ) throws(Refusal) {
        let holder = delegation.key.holder
        // One key alone never brings a program onto a device, whatever it was delegated.
        guard !manifest.parts.contains(where: \.isAgent) else {
            throw Refusal(.outsideDelegation, "people must sign for a device's own program")
        }
        for part in manifest.parts where !delegation.models.contains(part.version.model) {
            throw Refusal(.outsideDelegation, "\(holder) may not sign for \(part.version.model)")
        }
        guard (try? Selector(delegation.group))?.matches(fitness.device, tags: fitness.tags) ?? false else {
            throw Refusal(.outsideDelegation, "\(holder) may sign for \(delegation.group) only")
        }
        let place = functions.hash(CanaryDraw.message(key: delegation.key.id, device: fitness.device))
        guard CanaryDraw.contains(place, share: delegation.canaryShare) else {
            throw Refusal(
                .outsideDelegation,
                "not among the \(delegation.canaryShare) that \(holder) may reach: people must sign for this device")
        }
    }
}
