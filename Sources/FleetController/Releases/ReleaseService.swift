import FleetCrypto
public import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB

/// Releases: made from versions, signed by people's keys, approved at the threshold. The controller never signs one.
public struct ReleaseService: Sendable {
    /// Releases that a new one lets devices return to.
    static let returnLimit = 4

    let context: ControllerContext

    /// One release.
    public func get(_ name: ReleaseName) async throws -> ReleaseDetail {
        try await context.read { try ReleaseRows.detail($0, name) }
    }

    /// Makes a candidate from versions whose material is stored.
    public func create(_ request: ReleaseRequest, by caller: Identity) async throws -> ReleaseDetail {
        guard let first = request.versions.min(by: { $0.key < $1.key })?.value else {
            throw ControllerError(.invalid, "a release needs at least one version")
        }
        guard request.versions.count <= WireLimits.slots else {
            throw ControllerError(.limitReached, "a release fills at most \(WireLimits.slots) slots")
        }
        try AgentService.check(request.versions)
        for scope in request.scope {
            do { _ = try Selector(scope) } catch { throw ControllerError(.invalid, error.description) }
        }
        let name = request.name ?? ReleaseName(unchecked: "\(first.model)-\(first.number)")
        return try await context.perform(Command("releases.create", by: caller, role: .operator, subject: name)) {
            database, scope in
            guard try ReleaseRecord.fetchOne(database, key: name) == nil else {
                throw ControllerError(.conflict, "release '\(name)' exists", hint: "choose another name")
            }
            let manifest = try ReleaseRows.manifest(database, name, request, at: scope.now)
            try ReleaseRows.insert(database, manifest, note: request.note, by: caller, at: scope.now)
            scope.detail = ["counter": "\(manifest.counter)", "versions": "\(manifest.parts.map(\.version))"]
            scope.changes = [ChangeEvent(.release, name)]
            return try ReleaseRows.detail(database, name)
        }
    }

    /// The bytes that a key must sign (Sig_structure of RFC 9052).
    public func toBeSigned(_ name: ReleaseName, key: KeyID) async throws -> [UInt8] {
        let record = try await context.read { try ReleaseRows.record($0, name) }
        return COSESign.toBeSigned(payload: [UInt8](record.manifest), context: .release, keyID: key)
    }

    /// The release as a message without signatures (COSE_Sign): what people carry to where their keys are.
    public func unsigned(_ name: ReleaseName) async throws -> [UInt8] {
        let record = try await context.read { try ReleaseRows.record($0, name) }
        return COSESign(payload: [UInt8](record.manifest)).encoded()
    }

    /// Takes a signature. When the threshold of distinct keys *and* identities is reached, one of them an approver's,
    /// the release is approved: its signed message and so its digest are fixed.
    public func sign(
        _ name: ReleaseName, key: KeyID, signature: [UInt8], by caller: Identity
    ) async throws -> ReleaseDetail {
        let policy = context.configuration.devicePolicy
        return try await context.perform(Command("releases.sign", by: caller, role: .operator, subject: name)) {
            database, scope in
            let record = try ReleaseRows.record(database, name)
            guard record.stage == .candidate else {
                throw ControllerError(.wrongState, "release '\(name)' is \(record.stage.rawValue), not candidate")
            }
            guard record.expiresAt > scope.now else {
                throw ControllerError(.wrongState, "release '\(name)' has expired", hint: "make a new one")
            }
            try ReleaseRows.check(database, record, key: key, signature: signature, caller: caller)
            try ReleaseSignatureRecord(
                release: name, key: key, identity: caller.name, signature: Data(signature), createdAt: scope.now
            ).insert(database)
            if caller.role >= .approver {
                var approval = ApprovalRecord(
                    subject: "release", name: name.text, identity: caller.name, verdict: .approved,
                    createdAt: scope.now)
                try approval.insert(database)
            }
            let approved = try ReleaseRows.approveIfComplete(database, record, at: scope.now)
            scope.detail = ["key": key.text, "approved": "\(approved)"]
            scope.changes = [ChangeEvent(.release, name)]
            if approved {
                var engine = RolloutEngine(database: database, now: scope.now, devicePolicy: policy)
                try engine.releaseApproved(name)
                scope.changes += engine.effects.changes
            }
            return try ReleaseRows.detail(database, name)
        }
    }

    /// Ends a candidate: it can never be signed any more.
    public func reject(_ name: ReleaseName, reason: String, by caller: Identity) async throws {
        try await context.perform(
            Command("releases.reject", by: caller, role: .approver, subject: name, reason: reason)
        ) { database, scope in
            var record = try ReleaseRows.record(database, name)
            guard record.stage == .candidate || record.stage == .draft else {
                throw ControllerError(.wrongState, "release '\(name)' is \(record.stage.rawValue)")
            }
            record.stage = .retired
            record.retiredAt = scope.now
            try record.update(database)
            var approval = ApprovalRecord(
                subject: "release", name: name.text, identity: caller.name, verdict: .rejected, reason: reason,
                createdAt: scope.now)
            try approval.insert(database)
            scope.changes = [ChangeEvent(.release, name)]
        }
    }

    /// Takes a release out of use: no rollout may bring it any more. Devices that run it go on.
    public func retire(_ name: ReleaseName, reason: String, by caller: Identity) async throws {
        try await context.perform(
            Command("releases.retire", by: caller, role: .operator, subject: name, reason: reason)
        ) { database, scope in
            var record = try ReleaseRows.record(database, name)
            guard record.stage == .approved || record.stage == .released else {
                throw ControllerError(.wrongState, "release '\(name)' is \(record.stage.rawValue)")
            }
            let open = try RolloutRecord.filter(Column("release") == name).fetchAll(database)
                .contains { !$0.state.isFinal }
            guard !open else {
                throw ControllerError(.wrongState, "a rollout of '\(name)' is not over", hint: "abort it first")
            }
            record.stage = .retired
            record.retiredAt = scope.now
            try record.update(database)
            scope.changes = [ChangeEvent(.release, name)]
        }
    }
}
