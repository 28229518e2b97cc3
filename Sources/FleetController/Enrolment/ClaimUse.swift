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

    private func certified() throws -> Outcome {
        guard var claim = try EnrolmentClaimRecord.fetchOne(database, key: request.claim) else {
            throw ClaimRefusal(.unknownClaim, "there is no claim \(request.claim)")
        }
        let signed: CertificateRequest
        do throws(CryptoError) { signed = try request.verified(claimKey: [UInt8](claim.publicKey)) } catch {
            throw ClaimRefusal(.notSigned, error.context)
        }
        let key = try signed.keyDigest
        if let certificate = try repeated(claim, key: key) { return Outcome(certificate: certificate, isNew: false) }
        try requireOpen(claim)
        let existing = try DeviceRecord.fetchOne(database, key: request.device)
        try requirePlace(claim, existing)
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
        return Outcome(certificate: try certificate.pem(), replaced: replaced)
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

/// Rows of stations.
enum StationRows {
    /// Makes a station that does not exist yet.
    static func ensure(_ database: Database, _ station: StationID?, at now: Instant) throws {
        guard let station, try !StationRecord.exists(database, key: station) else { return }
        try StationRecord(id: station, createdAt: now).insert(database)
    }
}

/// The certificates of a device.
enum DeviceCertificates {
    /// Marks every certificate of a device as revoked.
    ///
    /// - Returns: the serial numbers for the revocation list.
    static func end(_ database: Database, _ device: DeviceRecord, at now: Instant) throws -> [String] {
        let records = try DeviceCertificateRecord.filter(Column("device") == device.id)
            .filter(Column("revokedAt") == nil && Column("expiresAt") > now).fetchAll(database)
        for var record in records {
            record.revokedAt = now
            try record.update(database)
        }
        let serials = Set(records.map(\.serial) + [device.certificateSerial].compactMap { $0 })
        return serials.sorted()
    }
}
