public import FleetCrypto
public import FleetModel
import FleetStore
import Foundation
import GRDB
import Logging

/// Devices that join by themselves: one-time claims, and the certificates that devices get for them.
public struct EnrolmentService: Sendable {
    let context: ControllerContext
    let pki: any DevicePKI
    let deliver: @Sendable () -> Void
    let refusals = RefusalBook()

    init(context: ControllerContext, pki: any DevicePKI, deliver: @escaping @Sendable () -> Void) {
        self.context = context
        self.pki = pki
        self.deliver = deliver
    }

    // MARK: Claims

    /// Makes a claim. Its text is secret until it is used, and shown only here.
    public func createClaim(_ request: ClaimRequest, by caller: Identity) async throws -> NewClaim {
        let pattern = try DevicePattern(request.pattern)
        try DeviceService.check(tags: request.tags)
        guard EnrolmentLimits.validity.contains(request.validity) else {
            throw ControllerError(.invalid, "a claim lives from a minute to 30 days", hint: "choose another validity")
        }
        guard !request.replaces || pattern.device != nil else {
            throw ControllerError(
                .invalid, "'\(pattern.text)' may pick many devices", hint: "name the one whose identity is replaced")
        }
        guard !request.replaces || (request.tags.isEmpty && request.station == nil) else {
            throw ControllerError(
                .invalid, "a device whose identity is replaced keeps its station and tags",
                hint: "leave them out here, and change them at the device")
        }
        let authority = try authority().fingerprint
        let claim: EnrolmentClaim
        do throws(CryptoError) {
            claim = try EnrolmentClaim.make(url: request.url, authority: authority, device: pattern.device)
        } catch {
            throw ControllerError(.invalid, error.context)
        }
        let record = try await context.perform(
            Command("claims.create", by: caller, role: .operator, subject: claim.id)
        ) { database, scope in
            try Self.check(pattern, request, database, at: scope.now)
            let record = EnrolmentClaimRecord(
                id: claim.id, publicKey: Data(claim.key.publicKey), pattern: pattern.text, station: request.station,
                tags: request.tags, replaces: request.replaces, createdAt: scope.now, createdBy: caller.name,
                expiresAt: scope.now.advanced(by: request.validity))
            try record.insert(database)
            scope.detail = ["device": pattern.text, "replaces": "\(request.replaces)"]
            scope.changes = [ChangeEvent(.device, pattern.text)]
            return record
        }
        return NewClaim(record: record, text: claim.text)
    }

    private static func check(
        _ pattern: DevicePattern, _ request: ClaimRequest, _ database: Database, at now: Instant
    ) throws {
        let open = EnrolmentClaimRecord.filter(Column("usedAt") == nil && Column("withdrawnAt") == nil)
            .filter(Column("expiresAt") > now)
        guard try open.fetchCount(database) < EnrolmentLimits.openClaims else {
            throw ControllerError(
                .limitReached, "\(EnrolmentLimits.openClaims) claims are open", hint: "withdraw some that nobody needs")
        }
        guard let device = pattern.device else { return }
        let exists = try DeviceRecord.exists(database, key: device)
        if exists, !request.replaces {
            throw ControllerError(
                .conflict, "device '\(device)' exists", hint: "choose another id, or replace its identity (--replace)")
        }
        if !exists, request.replaces { throw ControllerError.notFound("device", device) }
    }

    /// Ends a claim that nobody has used.
    public func withdrawClaim(_ id: KeyID, by caller: Identity) async throws {
        try await context.perform(Command("claims.withdraw", by: caller, role: .operator, subject: id)) {
            database, scope in
            guard var claim = try EnrolmentClaimRecord.fetchOne(database, key: id) else {
                throw ControllerError.notFound("claim", id)
            }
            guard claim.usedAt == nil else {
                throw ControllerError(
                    .wrongState, "claim \(id) was used by \(claim.device?.text ?? "?")",
                    hint: "revoke the device if it should not have been")
            }
            claim.withdrawnAt = claim.withdrawnAt ?? scope.now
            try claim.update(database)
        }
    }

    // MARK: Devices that ask

    /// Gives a device its certificate for a claim: once, and to the same key as often as it asks.
    ///
    /// - Parameter address: where the request came from, for people.
    public func enrol(_ request: EnrolmentRequest, from address: String) async throws -> EnrolmentGrant {
        let authority = try authority()
        let outcome: ClaimUse.Outcome
        do {
            outcome = try await use(request, authority, from: address)
        } catch let refusal as ClaimRefusal {
            await tell(refusal, request, from: address)
            // Whoever does not hold the claim learns nothing about it.
            let isStranger = [.unknownClaim, .notSigned].contains(refusal.code)
            throw ControllerError(
                .forbidden, isStranger ? "no such claim, or the request is not signed with its key" : refusal.reason,
                hint: "ask for a new claim (martlet device claim)")
        }
        if outcome.isNew { deliver() }
        if let replaced = outcome.replaced {
            try pki.revoke(Dictionary(uniqueKeysWithValues: replaced.map { ($0, request.device) }))
            await endSession(of: request.device)
        }
        try await enforce(outcome.revoked)
        return try authority.grant(
            request.device, certificate: outcome.certificate, root: outcome.root, tags: outcome.tags)
    }

    private func use(
        _ request: EnrolmentRequest, _ authority: any DeviceAuthority, from address: String
    ) async throws -> ClaimUse.Outcome {
        let policy = context.configuration.devicePolicy
        let now = context.now()
        // There is one writer, and strangers do not get it.
        try await context.read { _ = try ClaimUse.verified($0, request) }
        return try await context.write { database, changes in
            let outcome = try ClaimUse(database: database, now: now, request: request, authority: authority).perform()
            guard outcome.isNew else { return outcome }
            try DesiredDocument.refresh(database, request.device, fallback: policy)
            var engine = RolloutEngine(database: database, now: now, devicePolicy: policy)
            try engine.deviceJoined(request.device)
            let entry = try AuditChain.append(
                to: database, at: now, caller: Self.identity(request.claim),
                command: outcome.replaced == nil ? "devices.enrol" : "devices.replaceIdentity",
                subject: request.device.text,
                detail: ["claim": request.claim.text, "address": address, "hardware": request.hardware].merging(
                    OpenClaims.detail(outcome.withdrawn)
                ) { own, _ in own }, reason: "")
            changes =
                engine.effects.changes + [ChangeEvent(.device, request.device), ChangeEvent(.audit, entry.number)]
            return outcome
        }
    }

    /// Who acts when a device uses a claim, for the audit.
    private static func identity(_ claim: KeyID) -> Identity { Identity(name: "claim \(claim)", role: .viewer) }

    private func endSession(of device: DeviceID) async {
        do { try await pki.authority?.endSession(of: device) } catch {
            context.logger.warning("the old session may live", metadata: ["device": "\(device)", "error": "\(error)"])
        }
    }

    /// Sees to it that what the database says is revoked is on the revocation list: the process may have ended, or the
    /// disk have been full, between the two.
    func enforceRevocations() async throws {
        let now = context.now()
        try await enforce(await context.read { try DeviceCertificates.revoked($0, at: now) })
    }

    private func enforce(_ revoked: [String: DeviceID]) async throws {
        guard !revoked.isEmpty else { return }
        for device in try pki.revoke(revoked).sorted(by: { $0.text < $1.text }) {
            context.logger.warning("put on the revocation list late", metadata: ["device": "\(device)"])
            await endSession(of: device)
        }
    }

    private func authority() throws(ControllerError) -> any DeviceAuthority {
        guard let authority = pki.authority else {
            throw ControllerError(
                .unavailable, "this controller issues no certificates", hint: "use the controller that serves the fleet"
            )
        }
        return authority
    }

    // MARK: Refusals

    /// Log, audit and alert, at most once a while for each claim: strangers must not flood people.
    private func tell(_ refusal: ClaimRefusal, _ request: EnrolmentRequest, from address: String) async {
        let now = context.now()
        let sender = refusal.code == .unknownClaim ? "unknown" : request.claim.text
        guard let count = refusals.note(sender, at: now) else { return }
        context.logger.warning(
            "refused an enrolment",
            metadata: ["claim": "\(sender)", "code": "\(refusal.code.rawValue)", "address": "\(address)"])
        let condition = AlertCondition(
            fingerprint: "claim/\(sender)", kind: .identity, severity: refusal.code == .used ? .critical : .warning,
            subject: request.device.text, title: "An enrolment as \(request.device) was refused",
            reason: "\(refusal.reason); from \(address) (\(count) since it was last told)",
            action: Self.action(refusal.code))
        do {
            try await context.write { database, changes in
                let entry = try AuditChain.append(
                    to: database, at: now, caller: Self.identity(request.claim), command: "devices.enrolRefused",
                    subject: request.device.text, detail: ["code": refusal.code.rawValue, "address": address],
                    reason: refusal.reason)
                changes.append(ChangeEvent(.audit, entry.number))
                try AlertBook.open(database, condition, at: now, changes: &changes)
            }
        } catch {
            context.logger.error("alert not recorded", metadata: ["error": "\(error)"])
        }
    }

    private static func action(_ code: ClaimRefusal.Code) -> String {
        switch code {
        case .used:
            "Somebody else holds the same claim. Check that the device which used it is the one you meant; if not, "
                + "revoke it and make a new claim."
        case .unknownClaim, .notSigned:
            "Somebody tries claims. If it goes on, let only your own networks reach /api/v1/enrol."
        case .expired, .withdrawn: "If the device is to join, make a new claim for it (martlet device claim)."
        case .wrongDevice: "Make a claim for the id that the device calls itself, or set `id` at the device."
        case .deviceExists, .deviceMissing:
            "To replace the identity of a device that exists, make a claim with --replace; else choose another id."
        case .oldKey: "Remove the device's old identity folder, so that it makes new keys."
        case .unfitTags: "Give the device other tags (PATCH /api/v1/devices/ID), or make a new claim with others."
        case .revoked: "The device was revoked. Make a claim with --replace if it is to come back."
        }
    }
}
