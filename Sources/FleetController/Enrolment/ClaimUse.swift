import FleetCrypto
import FleetModel
import FleetStore
import Foundation
import GRDB

/// Why a request for a certificate was refused.
struct ClaimRefusal: Error, Equatable {
    /// Stable, for the audit and for tests.
    enum Code: String {
        case unknownClaim, notSigned, used, withdrawn, expired, wrongDevice, deviceExists, deviceMissing, revoked
        case oldKey, unfitTags
    }

    let code: Code
    let reason: String

    init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }
}

/// The use of a claim, inside one transaction: the claim is burnt only together with the certificate, and the same
/// device may ask for that again.
struct ClaimUse {
    let database: Database
    let now: Instant
    let request: EnrolmentRequest
    let authority: any DeviceAuthority

    /// What came of it.
    struct Outcome: Sendable {
        var certificate: String
        /// The device did not have this certificate before.
        var isNew = true
        /// The device existed, and these certificates of it are to be revoked.
        var replaced: [String]?
        /// An earlier answer was lost: certificates that were revoked then, if what followed did not happen.
        var revoked: [String: DeviceID] = [:]
        /// Other claims for the same device, which ended with its old identity.
        var withdrawn: [KeyID] = []
        /// What the device is told besides: its tags, and the root to pin.
        var tags: [String: String] = [:]
        var root: TrustedKeyRecord?
    }

    func perform() throws -> Outcome {
        var outcome = try certified()
        outcome.tags = try DeviceQueries.tags(database, of: request.device)
        outcome.root = try TrustRows.pinned(database)
        return outcome
    }

    /// The claim that a request names and has signed; anybody may ask, so this only reads.
    static func verified(
        _ database: Database, _ request: EnrolmentRequest
    ) throws -> (EnrolmentClaimRecord, CertificateRequest) {
        guard let claim = try EnrolmentClaimRecord.fetchOne(database, key: request.claim) else {
            throw ClaimRefusal(.unknownClaim, "there is no claim \(request.claim)")
        }
        do throws(CryptoError) { return (claim, try request.verified(claimKey: [UInt8](claim.publicKey))) } catch {
            throw ClaimRefusal(.notSigned, error.context)
        }
    }

    private func certified() throws -> Outcome {
        var (claim, signed) = try Self.verified(database, request)
        let key = try signed.keyDigest
        if let certificate = try repeated(claim, key: key) {
            let revoked = try DeviceCertificates.revoked(database, of: request.device, at: now)
            return Outcome(certificate: certificate, isNew: false, revoked: claim.replaces ? revoked : [:])
        }
        try requireOpen(claim)
        let existing = try DeviceRecord.fetchOne(database, key: request.device)
        try requirePlace(claim, existing)
        try requireTags(claim, existing)
        let certificate = try authority.certify(request.device, signed)
        let replaced = try existing.map { try replace($0, certificate) }
        if existing == nil { try insert(claim, certificate) }
        try DeviceCertificateRecord(
            serial: certificate.serial, device: request.device, issuedAt: now, expiresAt: certificate.notAfter
        ).insert(database)
        claim.usedAt = now
        claim.device = request.device
        claim.keyDigest = key
        claim.certificate = try certificate.pem()
        try claim.update(database)
        let withdrawn =
            existing == nil
            ? [] : try OpenClaims.withdraw(database, of: request.device, madeUntil: now, at: now)
        return Outcome(certificate: try certificate.pem(), replaced: replaced, withdrawn: withdrawn)
    }

    /// The certificate that this very key got with the claim: its answer may have been lost on the way.
    private func repeated(_ claim: EnrolmentClaimRecord, key: Digest) throws -> String? {
        guard claim.usedAt != nil else { return nil }
        guard claim.device == request.device, claim.keyDigest == key, let certificate = claim.certificate else {
            throw ClaimRefusal(
                .used, "claim \(claim.id) was used by \(claim.device?.text ?? "?") already, with another key")
        }
        let device = try DeviceRecord.fetchOne(database, key: request.device)
        let serial = try Certificate(pem: certificate).serial
        let issued = try DeviceCertificateRecord.fetchOne(database, key: serial)
        guard device?.revokedAt == nil, issued?.revokedAt == nil else {
            throw ClaimRefusal(.revoked, "the certificate that \(request.device) got with claim \(claim.id) is revoked")
        }
        return certificate
    }

    private func requireOpen(_ claim: EnrolmentClaimRecord) throws {
        switch claim.state(at: now) {
        case .open, .used: break
        case .withdrawn: throw ClaimRefusal(.withdrawn, "claim \(claim.id) was withdrawn")
        case .expired: throw ClaimRefusal(.expired, "claim \(claim.id) expired")
        }
        guard try DevicePattern(claim.pattern).matches(request.device) else {
            throw ClaimRefusal(.wrongDevice, "claim \(claim.id) is for \(claim.pattern), not for \(request.device)")
        }
    }

    private func requirePlace(_ claim: EnrolmentClaimRecord, _ existing: DeviceRecord?) throws {
        if existing != nil, !claim.replaces {
            throw ClaimRefusal(.deviceExists, "device \(request.device) exists; claim \(claim.id) is for a new one")
        }
        if existing == nil, claim.replaces {
            throw ClaimRefusal(.deviceMissing, "claim \(claim.id) replaces an identity; there is no \(request.device)")
        }
        // The key of receipts tells the new identity from the old one, for example when somebody asks for a renewal.
        if let existing, [UInt8](existing.signingKey) == request.signingKey {
            throw ClaimRefusal(.oldKey, "\(request.device) asks for a new identity with its old key of receipts")
        }
    }

    /// A device refuses a grant whose tags its file cannot hold, and the claim would be burnt.
    private func requireTags(_ claim: EnrolmentClaimRecord, _ existing: DeviceRecord?) throws {
        let tags = existing == nil ? claim.tags : try DeviceQueries.tags(database, of: request.device)
        do throws(ControllerError) { try DeviceService.check(tags: tags) } catch {
            throw ClaimRefusal(.unfitTags, "\(request.device) cannot take its tags: \(error.message)")
        }
    }

    private func insert(_ claim: EnrolmentClaimRecord, _ certificate: Certificate) throws {
        guard try DeviceRecord.fetchCount(database) < ControllerLimits.devices else {
            throw ControllerError(.limitReached, "a controller has at most \(ControllerLimits.devices) devices")
        }
        try StationRows.ensure(database, claim.station, at: now)
        try DeviceRecord(
            id: request.device, station: claim.station, hardware: request.hardware,
            signingKey: Data(request.signingKey), certificateSerial: certificate.serial, createdAt: now
        ).insert(database)
        try DeviceQueries.replaceTags(database, of: request.device, with: claim.tags)
    }

    /// Gives a device a new identity; what it runs and is to run stays.
    private func replace(_ existing: DeviceRecord, _ certificate: Certificate) throws -> [String] {
        let old = try DeviceCertificates.end(database, existing, at: now)
        var device = existing
        device.hardware = request.hardware
        device.signingKey = Data(request.signingKey)
        device.certificateSerial = certificate.serial
        device.revokedAt = nil
        device.online = false
        device.boot = nil
        device.session = 0
        try device.update(database)
        return old
    }
}
