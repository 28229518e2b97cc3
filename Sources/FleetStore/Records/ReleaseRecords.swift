public import FleetModel
public import Foundation
public import GRDB

/// A release: unsigned while `draft` or `candidate`, under its signatures from `approved` on.
public struct ReleaseRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "release"

    public var name: ReleaseName
    /// Rises with every release.
    public var counter: Int64
    public var stage: ReleaseStage
    /// The encoded `ReleaseManifest`: the payload that keys sign.
    public var manifest: Data
    /// SHA-256 of `signed`.
    public var digest: Digest?
    /// The encoded COSE_Sign message, once enough keys have signed.
    public var signed: Data?
    /// The automation key that signed it alone, for the canaries of a delegation; nil if people sign it.
    public var automationKey: KeyID?
    public var note: String
    public var createdAt: Instant
    public var createdBy: String
    public var expiresAt: Instant
    public var approvedAt: Instant?
    public var retiredAt: Instant?

    public init(
        name: ReleaseName, counter: Int64, stage: ReleaseStage, manifest: Data, digest: Digest? = nil,
        signed: Data? = nil, automationKey: KeyID? = nil, note: String = "", createdAt: Instant, createdBy: String,
        expiresAt: Instant,
        approvedAt: Instant? = nil, retiredAt: Instant? = nil
    ) {
        self.name = name
        self.counter = counter
        self.stage = stage
        self.manifest = manifest
        self.digest = digest
        self.signed = signed
        self.automationKey = automationKey
        self.note = note
        self.createdAt = createdAt
        self.createdBy = createdBy
        self.expiresAt = expiresAt
        self.approvedAt = approvedAt
        self.retiredAt = retiredAt
    }
}

/// One image of a release.
public struct ReleasePartRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "release_part"

    public var release: ReleaseName
    public var slot: SlotName
    public var model: ModelName
    public var number: Int
    public var image: Digest
    /// The version that the thresholds were derived from.
    public var thresholdsModel: ModelName
    public var thresholdsNumber: Int

    public init(
        release: ReleaseName, slot: SlotName, model: ModelName, number: Int, image: Digest, thresholdsModel: ModelName,
        thresholdsNumber: Int
    ) {
        self.release = release
        self.slot = slot
        self.model = model
        self.number = number
        self.image = image
        self.thresholdsModel = thresholdsModel
        self.thresholdsNumber = thresholdsNumber
    }

    /// The version that the row speaks of.
    public var version: VersionID { VersionID(model: model, number: number) }
}

/// A dataset version that a release was made from.
public struct ReleaseDatasetRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "release_dataset"

    public var release: ReleaseName
    public var dataset: String
    public var number: Int

    public init(release: ReleaseName, dataset: String, number: Int) {
        self.release = release
        self.dataset = dataset
        self.number = number
    }
}

/// A release that a device may return to by itself.
public struct ReleaseReturnRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "release_return"

    public var release: ReleaseName
    public var digest: Digest

    public init(release: ReleaseName, digest: Digest) {
        self.release = release
        self.digest = digest
    }
}

/// A verified signature over a release's manifest.
public struct ReleaseSignatureRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "release_signature"

    public var release: ReleaseName
    public var key: KeyID
    /// Who handed it in.
    public var identity: String
    /// 64 bytes (RFC 8032).
    public var signature: Data
    public var createdAt: Instant

    public init(release: ReleaseName, key: KeyID, identity: String, signature: Data, createdAt: Instant) {
        self.release = release
        self.key = key
        self.identity = identity
        self.signature = signature
        self.createdAt = createdAt
    }
}

/// A person's verdict on something that needs approval.
public struct ApprovalRecord: Codable, Hashable, Sendable, FetchableRecord, MutablePersistableRecord, Identifiable {
    public static let databaseTableName = "approval"

    public var id: Int64?
    /// `release` or `rollout`.
    public var subject: String
    /// Which one.
    public var name: String
    public var identity: String
    public var verdict: ApprovalVerdict
    public var reason: String
    public var createdAt: Instant

    public init(
        id: Int64? = nil, subject: String, name: String, identity: String, verdict: ApprovalVerdict,
        reason: String = "", createdAt: Instant
    ) {
        self.id = id
        self.subject = subject
        self.name = name
        self.identity = identity
        self.verdict = verdict
        self.reason = reason
        self.createdAt = createdAt
    }

    public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }
}

/// What a person said.
public enum ApprovalVerdict: String, Codable, Hashable, Sendable, DatabaseValueConvertible {
    case approved, rejected
}
