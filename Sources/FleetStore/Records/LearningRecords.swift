public import FleetModel
public import GRDB

/// A person's verdict on a sample; the history is kept and the latest that was not withdrawn counts.
public struct AnnotationRecord: Codable, Hashable, Sendable, FetchableRecord, MutablePersistableRecord, Identifiable {
    public static let databaseTableName = "annotation"

    public var id: Int64?
    public var sample: Int64
    public var verdict: AnnotationVerdict
    /// For the verdict `class`.
    public var className: String?
    public var identity: String
    /// Time that the person took.
    public var seconds: Double
    public var createdAt: Instant
    /// When it was taken back; it then counts no more.
    public var withdrawnAt: Instant?

    public init(
        id: Int64? = nil, sample: Int64, verdict: AnnotationVerdict, className: String? = nil, identity: String,
        seconds: Double = 0, createdAt: Instant, withdrawnAt: Instant? = nil
    ) {
        self.id = id
        self.sample = sample
        self.verdict = verdict
        self.className = className
        self.identity = identity
        self.seconds = seconds
        self.createdAt = createdAt
        self.withdrawnAt = withdrawnAt
    }

    public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }
}

/// What a person says of a sample.
public enum AnnotationVerdict: String, Codable, Hashable, Sendable, DatabaseValueConvertible {
    /// It shows this class.
    case `class`
    /// It shows nothing that can be named.
    case unusable
}

/// A collection of labelled frames of one shape.
public struct DatasetRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "dataset"

    public var name: String
    public var description: String
    public var input: FrameDescription
    public var classes: [String]
    public var createdAt: Instant
    public var createdBy: String

    public init(
        name: String, description: String = "", input: FrameDescription, classes: [String], createdAt: Instant,
        createdBy: String
    ) {
        self.name = name
        self.description = description
        self.input = input
        self.classes = classes
        self.createdAt = createdAt
        self.createdBy = createdBy
    }
}

/// An imported frame.
public struct DatasetFrameRecord: Codable, Hashable, Sendable, FetchableRecord, MutablePersistableRecord, Identifiable {
    public static let databaseTableName = "dataset_frame"

    public var id: Int64?
    public var dataset: String
    public var device: DeviceID
    public var className: String
    public var frame: StoredFrame
    public var tags: [String: String]
    /// Of device, class and values: importing a file twice adds nothing.
    public var digest: Digest
    public var createdAt: Instant

    public init(
        id: Int64? = nil, dataset: String, device: DeviceID, className: String, frame: StoredFrame,
        tags: [String: String], digest: Digest, createdAt: Instant
    ) {
        self.id = id
        self.dataset = dataset
        self.device = device
        self.className = className
        self.frame = frame
        self.tags = tags
        self.digest = digest
        self.createdAt = createdAt
    }

    public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }
}

/// An immutable cut through a dataset.
public struct DatasetVersionRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "dataset_version"

    public var dataset: String
    public var number: Int
    /// Over the items in order.
    public var digest: Digest
    public var selector: Selector
    public var includeAnnotations: Bool
    public var itemCount: Int
    public var annotationCount: Int
    public var note: String
    public var createdAt: Instant
    public var createdBy: String

    public init(
        dataset: String, number: Int, digest: Digest, selector: Selector, includeAnnotations: Bool, itemCount: Int,
        annotationCount: Int, note: String = "", createdAt: Instant, createdBy: String
    ) {
        self.dataset = dataset
        self.number = number
        self.digest = digest
        self.selector = selector
        self.includeAnnotations = includeAnnotations
        self.itemCount = itemCount
        self.annotationCount = annotationCount
        self.note = note
        self.createdAt = createdAt
        self.createdBy = createdBy
    }
}

/// One item of a dataset version: an imported frame or an annotated sample.
public struct DatasetItemRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "dataset_item"

    public var dataset: String
    public var number: Int
    public var ordinal: Int
    public var frame: Int64?
    public var sample: Int64?
    public var className: String
    public var device: DeviceID

    public init(
        dataset: String, number: Int, ordinal: Int, frame: Int64? = nil, sample: Int64? = nil, className: String,
        device: DeviceID
    ) {
        self.dataset = dataset
        self.number = number
        self.ordinal = ordinal
        self.frame = frame
        self.sample = sample
        self.className = className
        self.device = device
    }
}
