public import FleetModel

/// `manifest.json` of a job folder: what the dataset is and where it lies.
public struct JobManifest: Codable, Hashable, Sendable {
    /// One shard, a WebDataset tar.
    public struct Shard: Codable, Hashable, Sendable {
        /// Path within the job folder.
        public var file: String
        public var frames: Int
    }

    /// One sensor channel or column, with its unit.
    public struct Channel: Codable, Hashable, Sendable {
        public var name: String
        public var unit: String
    }

    public var format = 1
    /// The model that is trained.
    public var model: String
    /// `timeseries`, `table` or `image`.
    public var kind: String
    /// Rows of a frame.
    public var steps: Int
    /// Values in a row.
    public var width: Int
    public var channels: [Channel]
    /// In the order of the model's outputs.
    public var classes: [String]
    /// Per channel: the model gets `(value - offset) / scale`. Devices do the same before they run it.
    public var offset: [Float]
    public var scale: [Float]
    /// Every random choice of the trainer comes from here.
    public var seed: UInt64
    /// The champion's model within the job folder, if there is one.
    public var champion: String?
    public var shards: [Shard]

    public init(
        model: String, input: FrameDescription, classes: [String], normalisation: Normalisation, seed: UInt64,
        champion: String? = nil, shards: [Shard] = []
    ) {
        self.model = model
        kind = input.kind.rawValue
        steps = input.steps
        width = input.width
        channels = input.channels.map { Channel(name: $0.name, unit: $0.unit) }
        self.classes = classes
        offset = normalisation.offset
        scale = normalisation.scale
        self.seed = seed
        self.champion = champion
        self.shards = shards
    }

    public var normalisation: Normalisation { Normalisation(offset: offset, scale: scale) }

    /// The frame's shape, checked.
    ///
    /// - Throws: `badJob` for a kind that is not known, extents or counts that do not agree, or a path that leaves the
    ///   job folder.
    public func input() throws(TrainingError) -> FrameDescription {
        guard format == 1, let frameKind = FrameKind(rawValue: kind) else {
            throw TrainingError(
                .badJob, "manifest.json has format \(format) and kind '\(kind)': see the trainer contract")
        }
        let expected = frameKind == .image ? 1 : width
        guard steps > 0, width > 0, steps <= TrainingLimits.frameValues / width, channels.count == expected,
            offset.count == expected, scale.count == expected, scale.allSatisfy({ $0 > 0 }),
            (2...TrainingLimits.classes).contains(classes.count)
        else {
            throw TrainingError(.badJob, "manifest.json: extents, channels, offset, scale and classes do not agree")
        }
        for path in shards.map(\.file) + [champion].compactMap(\.self) {
            guard !path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
                throw TrainingError(.badJob, "manifest.json: '\(path)' leads out of the job folder")
            }
        }
        return FrameDescription(
            kind: frameKind, steps: steps, width: width,
            channels: channels.map { FleetModel.Channel(name: $0.name, unit: $0.unit) })
    }
}

/// The `.json` member of a frame in a shard.
struct FrameNote: Codable {
    var group: String
    var weight: Float
    var split: Split
}
