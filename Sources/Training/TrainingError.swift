/// Why training cannot go on: a stable code, and what, where and what to do.
public struct TrainingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Stable names for scripts and tests.
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// A parameter is unknown, of the wrong type or out of range.
        case badParameter
        /// The job folder or its manifest is not as the trainer contract says.
        case badJob
        /// A shard cannot be read.
        case badShard
        /// The frames do not suffice: none at all, a class or a split is missing.
        case tooLittleData
        /// A file cannot be read or written.
        case fileFailed
        /// The champion's model cannot be read.
        case badModel
        /// The loss is not a number any more: the learning rate is too high for this data.
        case diverged
        /// A limit of the module would be passed.
        case limitExceeded
    }

    public let code: Code
    /// What happened, where, and what to do about it.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code.rawValue): \(message)" }
}

/// Bounds of this module.
public enum TrainingLimits {
    /// Most values in one frame.
    public static let frameValues = 1 << 20
    /// Most frames in a job.
    public static let frames = 10_000_000
    /// Most values (frames × values of a frame) that the built-in trainer holds in memory: 2 GiB of floats.
    public static let values = 1 << 29
    /// Most classes.
    public static let classes = 10_000
    /// Most parameters of a network that the built-in trainer makes.
    public static let networkParameters = 50_000_000
    /// Largest shard that is read, in bytes.
    public static let shardBytes = 1 << 30
    /// Largest member of a shard, in bytes.
    public static let memberBytes = 8 << 20
    /// Largest manifest, configuration or metrics file, in bytes.
    public static let documentBytes = 64 << 20
    /// Most frames of one shard that the job writer makes.
    public static let framesPerShard = 4096
    /// Most models that are trained to leave groups out.
    public static let folds = 20
}
