public import FleetModel
public import Foundation
public import GRDB

/// A line of versions that do one job.
public struct ModelRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "model"

    public var name: ModelName
    public var description: String
    public var createdAt: Instant
    /// Its images leave the controller encrypted, and only devices that are to run one get its key.
    public var sealed: Bool

    public init(name: ModelName, description: String = "", createdAt: Instant, sealed: Bool = false) {
        self.name = name
        self.description = description
        self.createdAt = createdAt
        self.sealed = sealed
    }
}

/// An immutable version of a model with its lineage.
public struct VersionRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "version"

    public var model: ModelName
    /// Counts from 1 within the model.
    public var number: Int
    /// The ONNX file in the blob store; of an agent's version the program itself.
    public var onnx: Digest
    public var description: String
    /// What it was trained on.
    public var dataset: String?
    public var datasetVersion: Int?
    public var trainingRun: Int64?
    public var trainer: String?
    /// JSON object.
    public var parameters: String
    /// JSON object.
    public var metrics: String
    public var input: FrameDescription?
    public var classes: [String]
    /// What a release needs beside the image: an encoded `ReleaseManifest` with this version as its only part.
    public var material: Data?
    public var createdAt: Instant
    public var createdBy: String

    public init(
        model: ModelName, number: Int, onnx: Digest, description: String = "", dataset: String? = nil,
        datasetVersion: Int? = nil, trainingRun: Int64? = nil, trainer: String? = nil, parameters: String = "{}",
        metrics: String = "{}", input: FrameDescription? = nil, classes: [String] = [], material: Data? = nil,
        createdAt: Instant, createdBy: String
    ) {
        self.model = model
        self.number = number
        self.onnx = onnx
        self.description = description
        self.dataset = dataset
        self.datasetVersion = datasetVersion
        self.trainingRun = trainingRun
        self.trainer = trainer
        self.parameters = parameters
        self.metrics = metrics
        self.input = input
        self.classes = classes
        self.material = material
        self.createdAt = createdAt
        self.createdBy = createdBy
    }

    /// The version's name.
    public var id: VersionID { VersionID(model: model, number: number) }
}

/// "This version needs that one": a release holds both or neither.
public struct VersionDependencyRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "version_dependency"

    public var model: ModelName
    public var number: Int
    public var requiredModel: ModelName
    public var requiredNumber: Int

    public init(model: ModelName, number: Int, requiredModel: ModelName, requiredNumber: Int) {
        self.model = model
        self.number = number
        self.requiredModel = requiredModel
        self.requiredNumber = requiredNumber
    }
}

/// A version compiled for the runtime.
public struct ImageRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "image"

    /// Also its file in the blob store.
    public var digest: Digest
    public var model: ModelName
    public var number: Int
    public var bytes: Int
    public var arenaBytes: Int
    /// Version of the compiler that made it.
    public var compiler: String
    public var createdAt: Instant

    public init(
        digest: Digest, model: ModelName, number: Int, bytes: Int, arenaBytes: Int, compiler: String = "",
        createdAt: Instant
    ) {
        self.digest = digest
        self.model = model
        self.number = number
        self.bytes = bytes
        self.arenaBytes = arenaBytes
        self.compiler = compiler
        self.createdAt = createdAt
    }

    /// The version that the row speaks of.
    public var version: VersionID { VersionID(model: model, number: number) }
}

/// A file in the blob store.
public struct BlobRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "blob"

    public var digest: Digest
    public var bytes: Int
    public var kind: BlobKind
    public var createdAt: Instant

    public init(digest: Digest, bytes: Int, kind: BlobKind, createdAt: Instant) {
        self.digest = digest
        self.bytes = bytes
        self.kind = kind
        self.createdAt = createdAt
    }
}

/// How an image lies at the broker: cut into retained chunks, encoded once.
public struct DeliveryRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "delivery"

    /// Topic level under `blob/`; the image's own digest for the codecs raw and zstd.
    public var blob: Digest
    public var image: Digest
    /// The image that the blob is a difference to; nil: it needs none.
    public var base: Digest?
    /// Raw value of `BlobCodec`.
    public var codec: String
    /// The encoded bytes in the blob store.
    public var file: Digest
    /// Size of the encoded bytes.
    public var bytes: Int
    /// The encoded `BlobMap`.
    public var map: Data
    /// Since when the broker holds all of it; nil asks for publication.
    public var publishedAt: Instant?
    public var createdAt: Instant

    public init(
        blob: Digest, image: Digest, base: Digest? = nil, codec: String, file: Digest, bytes: Int, map: Data,
        publishedAt: Instant? = nil, createdAt: Instant
    ) {
        self.blob = blob
        self.image = image
        self.base = base
        self.codec = codec
        self.file = file
        self.bytes = bytes
        self.map = map
        self.publishedAt = publishedAt
        self.createdAt = createdAt
    }
}

/// The key of an image that leaves the controller sealed.
public struct ImageKeyRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "image_key"

    public var image: Digest
    /// 32 secret bytes.
    public var key: Data

    public init(image: Digest, key: Data) {
        self.image = image
        self.key = key
    }
}

/// A pair of images whose difference was made, once and for all.
public struct DeltaRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "delta"

    public var image: Digest
    public var base: Digest
    /// The delivery of the difference; nil: it is hardly smaller than the image's own blob.
    public var blob: Digest?
    /// Size of the difference.
    public var bytes: Int
    public var createdAt: Instant

    public init(image: Digest, base: Digest, blob: Digest?, bytes: Int, createdAt: Instant) {
        self.image = image
        self.base = base
        self.blob = blob
        self.bytes = bytes
        self.createdAt = createdAt
    }
}

/// What a stored file is.
public enum BlobKind: String, Codable, Hashable, Sendable, DatabaseValueConvertible {
    /// A model as it came.
    case onnx
    /// A compiled image.
    case image
    /// A program of devices.
    case agent
    /// An image's chunks as they go to the broker.
    case delivery
    /// A dataset version's shards.
    case dataset
}
