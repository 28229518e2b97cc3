import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB

/// What the automation key signs: the candidates of unattended retraining, for the canaries of its delegation.
extension ReleaseService {
    /// The delegation that covers releases of this model now; nil if there is none, or no key here that it names.
    func delegation(for model: ModelName) async throws -> Delegation? {
        guard let key = ServiceKeys(context.configuration).automation() else { return nil }
        let now = context.now()
        return try await context.read { database in
            try TrustRows.roles(database).flatMap {
                DelegatedReach.delegation(to: key.publicKey, for: [model], in: $0, at: now)
            }
        }
    }

    /// Signs a candidate with the automation key alone; it is approved for the canaries of the delegation and for
    /// nobody else.
    func signByAutomation(_ name: ReleaseName) async throws {
        guard let key = ServiceKeys(context.configuration).automation() else {
            throw ControllerError(
                .wrongState, "there is no automation key here",
                hint: "martlet key create --kind automation, and a delegation to it (docs/trust.md)")
        }
        try await context.perform(
            Command("releases.signByAutomation", by: .controller, role: .operator, subject: name)
        ) { database, scope in
            let record = try ReleaseRows.record(database, name)
            let manifest = try ReleaseManifest(decoding: [UInt8](record.manifest))
            guard record.stage == .candidate, record.expiresAt > scope.now, ReleaseRows.missing(manifest).isEmpty
            else { throw ControllerError(.wrongState, "release '\(name)' is no candidate that could be signed") }
            let models = manifest.parts.map(\.version.model)
            guard let roles = try TrustRows.roles(database),
                let delegation = DelegatedReach.delegation(
                    to: key.publicKey, for: models, in: roles, at: scope.now)
            else {
                throw ControllerError(
                    .badSignature, "no delegation lets key \(key.keyID) sign release '\(name)'",
                    hint: "people must sign it, or the root a delegation for \(models.map(\.text))")
            }
            var message = COSESign(payload: [UInt8](record.manifest))
            try message.sign(.release, keyID: key.keyID, using: key.sign)
            for signature in message.signatures {
                try ReleaseSignatureRecord(
                    release: name, key: key.keyID, identity: Identity.controller.name,
                    signature: Data(signature.signature),
                    createdAt: scope.now
                ).insert(database)
            }
            try ReleaseRows.approve(database, record, message, automationKey: key.keyID, at: scope.now)
            scope.detail = [
                "key": key.keyID.text, "group": delegation.group, "canaryShare": "\(delegation.canaryShare)",
            ]
            scope.changes = [ChangeEvent(.release, name)]
        }
    }
}
