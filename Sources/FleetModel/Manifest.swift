/// What a release is: everything that switches together on a device, under one set of signatures.

/// A release before it is signed. Its deterministic CBOR is the payload of a COSE_Sign message; the SHA-256 of the
/// *signed* message is the release's digest.
public struct ReleaseManifest: Hashable, Sendable {
    /// The manifest format that this code writes.
    public static let currentFormat = 1

    public var format = Self.currentFormat
    public var name: ReleaseName
    /// Rises with every release of a model; a device refuses a counter that is not above its last.
    public var counter: UInt64
    public var created: Instant
    /// After this a device no longer starts to install the release. What runs keeps running.
    public var expires: Instant
    /// One entry per slot that the release fills: several images are released together or not at all.
    public var parts: [ReleasePart]
    public var dependencies: [Dependency]
    /// Releases that a device may return to by itself if it once committed them.
    public var mayReturnTo: [Digest]
    public var compatibility: Compatibility
    /// Groups (tag selectors) that the release is bound to; empty means any device.
    public var scope: [String]

    public init(
        name: ReleaseName, counter: UInt64, created: Instant, expires: Instant, parts: [ReleasePart],
        dependencies: [Dependency] = [], mayReturnTo: [Digest] = [], compatibility: Compatibility = Compatibility(),
        scope: [String] = []
    ) {
        self.name = name
        self.counter = counter
        self.created = created
        self.expires = expires
        self.parts = parts
        self.dependencies = dependencies
        self.mayReturnTo = mayReturnTo
        self.compatibility = compatibility
        self.scope = scope
    }

    /// The part for a slot.
    public func part(for slot: SlotName) -> ReleasePart? { parts.first { $0.slot == slot } }
}

/// "This version needs that one": a release leaves `candidate` only when every version it depends on is in it.
public struct Dependency: Hashable, Sendable {
    public var version: VersionID
    public var requires: VersionID

    public init(version: VersionID, requires: VersionID) {
        self.version = version
        self.requires = requires
    }
}

/// What a device must offer.
public struct Compatibility: Hashable, Sendable {
    /// The lowest runtime version, such as `1.0.0`.
    public var runtime: String
    /// Hardware names that may run it; empty means any.
    public var hardware: [String]

    public init(runtime: String = "1.0.0", hardware: [String] = []) {
        self.runtime = runtime
        self.hardware = hardware
    }
}

/// What a part of a release installs.
public enum PartKind: Hashable, Sendable {
    case model
    /// The device's own program. `version` is what it calls itself, such as `1.4.0`: for people.
    case agent(version: String)
}

/// One model in a release, with all that it needs; or the device's own program (`agent`).
public struct ReleasePart: Hashable, Sendable {
    public var kind = PartKind.model
    public var slot: SlotName
    public var version: VersionID
    public var image: ImageReference
    public var input: FrameDescription
    /// The model's output categories, in output order.
    public var classes: [String]
    public var normalisation: Normalisation
    public var thresholds: Thresholds
    public var baseline: Baseline
    public var golden: GoldenProof

    public init(
        slot: SlotName, version: VersionID, image: ImageReference, input: FrameDescription, classes: [String],
        normalisation: Normalisation, thresholds: Thresholds, baseline: Baseline, golden: GoldenProof
    ) {
        self.slot = slot
        self.version = version
        self.image = image
        self.input = input
        self.classes = classes
        self.normalisation = normalisation
        self.thresholds = thresholds
        self.baseline = baseline
        self.golden = golden
    }

    /// A part that replaces the device's own program. It has no frames, classes or golden vectors; what stands for them
    /// here is empty, and does not travel. Its proof is a run of the program that checks itself.
    ///
    /// - Parameters:
    ///   - name: the version that the program calls itself.
    ///   - program: the executable file; it needs no arena.
    public static func agent(_ version: VersionID, name: String, program: ImageReference) -> ReleasePart {
        var part = ReleasePart(
            slot: .agent, version: version, image: program,
            input: FrameDescription(kind: .table, steps: 0, width: 0, channels: []), classes: [],
            normalisation: Normalisation(offset: [], scale: []),
            thresholds: Thresholds(derivedFrom: version, promisedAccuracy: 0, minimumConfidence: 0),
            baseline: Baseline(features: [], predictions: PredictionBaseline(counts: [], driftThreshold: .infinity)),
            golden: GoldenProof(inputs: [], outputs: [], tolerance: 0, latencyLimit: agentCheckMicroseconds))
        part.kind = .agent(version: name)
        return part
    }

    /// The longest that a new program may take to check itself, in microseconds.
    public static let agentCheckMicroseconds = 20_000_000

    public var isAgent: Bool { kind != .model }
}

/// A compiled image by content.
public struct ImageReference: Hashable, Sendable {
    public var digest: Digest
    /// Size of the image file, in bytes.
    public var bytes: Int
    /// Arena that the plan needs, in bytes: known before anything is fetched.
    public var arenaBytes: Int

    public init(digest: Digest, bytes: Int, arenaBytes: Int) {
        self.digest = digest
        self.bytes = bytes
        self.arenaBytes = arenaBytes
    }
}

/// What people see of a sample.
public enum FrameKind: String, Hashable, Sendable, CaseIterable {
    /// `steps × channels` readings over time.
    case timeseries
    /// One row of columns.
    case table
    /// `height × width` grey levels (steps = height, channels = width).
    case image
}

/// The shape and the channels of one frame, before normalisation.
public struct FrameDescription: Hashable, Sendable {
    public var kind: FrameKind
    /// Rows of a frame: readings over time, 1 for a table row, the height of an image.
    public var steps: Int
    /// One per column: sensor channels, table columns, or a single entry for all pixels of an image.
    public var channels: [Channel]
    /// Values in a row: `channels.count`, or the width of an image.
    public var width: Int

    public init(kind: FrameKind, steps: Int, width: Int, channels: [Channel]) {
        self.kind = kind
        self.steps = steps
        self.width = width
        self.channels = channels
    }

    /// Values in a frame, row by row.
    public var valueCount: Int { steps * width }

    /// The channel of value `index` of a frame.
    public func channel(ofValue index: Int) -> Int { kind == .image ? 0 : index % width }
}

/// One sensor channel or column.
public struct Channel: Hashable, Sendable {
    public var name: String
    /// Unit for charts, such as `g` or `rad/s`; empty if the value has none.
    public var unit: String

    public init(name: String, unit: String) {
        self.name = name
        self.unit = unit
    }
}

/// `(value - offset) / scale` for each channel, applied on the device before the model.
public struct Normalisation: Hashable, Sendable {
    public var offset: [Float]
    public var scale: [Float]

    public init(offset: [Float], scale: [Float]) {
        self.offset = offset
        self.scale = scale
    }
}

/// Limits that belong to one version and must move with it.
public struct Thresholds: Hashable, Sendable {
    /// The version whose outputs they were derived from: thresholds of another version are refused at release.
    public var derivedFrom: VersionID
    /// Accuracy the release promises on a part that was held back; an estimate below it alerts.
    public var promisedAccuracy: Float
    /// Below this top-class probability an answer counts as uncertain, 0...1.
    public var minimumConfidence: Float

    public init(derivedFrom: VersionID, promisedAccuracy: Float, minimumConfidence: Float) {
        self.derivedFrom = derivedFrom
        self.promisedAccuracy = promisedAccuracy
        self.minimumConfidence = minimumConfidence
    }
}

/// Inputs with the outputs that the compiled image gave at the controller.
public struct GoldenProof: Hashable, Sendable {
    /// Raw frames, before normalisation.
    public var inputs: [[Float]]
    public var outputs: [[Float]]
    /// Largest absolute difference of an output value: float sums differ between instruction sets.
    public var tolerance: Float
    /// Largest median latency of one inference on the device, in microseconds.
    public var latencyLimit: Int

    public init(inputs: [[Float]], outputs: [[Float]], tolerance: Float, latencyLimit: Int) {
        self.inputs = inputs
        self.outputs = outputs
        self.tolerance = tolerance
        self.latencyLimit = latencyLimit
    }
}
