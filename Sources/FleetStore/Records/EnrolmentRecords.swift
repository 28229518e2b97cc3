public import FleetModel
public import Foundation
public import GRDB

/// A one-time claim for a device that is to join. The secret is not here: only the public half of its key is.
public struct EnrolmentClaimRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord, Identifiable {
    public static let databaseTableName = "enrolment_claim"

    /// The name of the claim's key.
    public var id: KeyID
    /// Raw Ed25519 public key that the device's request is verified with, 32 bytes.
    public var publicKey: Data
    /// The device id, or one with a `*` at its end for any that begins so.
    public var pattern: String
    /// What the device gets.
    public var station: StationID?
    public var tags: [String: String]
    /// Whether an existing device's identity is to be replaced.
    public var replaces: Bool
    public var createdAt: Instant
    public var createdBy: String
    public var expiresAt: Instant
    public var withdrawnAt: Instant?
    public var usedAt: Instant?
    /// The device that used it.
    public var device: DeviceID?
    /// SHA-256 of the public key that the certificate is for: the same device may ask again.
    public var keyDigest: Digest?
    /// The certificate, PEM.
    public var certificate: String?

    public init(
        id: KeyID, publicKey: Data, pattern: String, station: StationID? = nil, tags: [String: String] = [:],
        replaces: Bool = false, createdAt: Instant, createdBy: String, expiresAt: Instant, withdrawnAt: Instant? = nil,
        usedAt: Instant? = nil, device: DeviceID? = nil, keyDigest: Digest? = nil, certificate: String? = nil
    ) {
        self.id = id
        self.publicKey = publicKey
        self.pattern = pattern
        self.station = station
        self.tags = tags
        self.replaces = replaces
        self.createdAt = createdAt
        self.createdBy = createdBy
        self.expiresAt = expiresAt
        self.withdrawnAt = withdrawnAt
        self.usedAt = usedAt
        self.device = device
        self.keyDigest = keyDigest
        self.certificate = certificate
    }

    /// What became of it.
    public enum State: String, Hashable, Sendable, CaseIterable { case open, used, expired, withdrawn }

    /// What became of it until `now`.
    public func state(at now: Instant) -> State {
        if usedAt != nil { return .used }
        if withdrawnAt != nil { return .withdrawn }
        return now < expiresAt ? .open : .expired
    }
}

/// A certificate that a device was given.
public struct DeviceCertificateRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "device_certificate"

    /// Hexadecimal, as on a revocation list.
    public var serial: String
    public var device: DeviceID
    public var issuedAt: Instant
    public var expiresAt: Instant
    public var revokedAt: Instant?
    /// Of a renewal: the digest of its key, and the certificate (PEM), so that the same key gets the same again.
    public var keyDigest: Digest?
    public var certificate: String?

    public init(
        serial: String, device: DeviceID, issuedAt: Instant, expiresAt: Instant, revokedAt: Instant? = nil,
        keyDigest: Digest? = nil, certificate: String? = nil
    ) {
        self.serial = serial
        self.device = device
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
        self.keyDigest = keyDigest
        self.certificate = certificate
    }
}
