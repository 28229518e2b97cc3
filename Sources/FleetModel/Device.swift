/// Values that describe a device and where it stands.

/// What a device is, said by itself at every connect.
public struct DeviceFacts: Hashable, Sendable {
    /// Hardware name that releases may be bound to, such as `x86_64-generic`.
    public var hardware: String
    public var agentVersion: String
    public var runtimeVersion: String
    /// Instruction set in use: `baseline`, `avx2`, `avx512`, `neon`.
    public var instructionSet: String
    /// Features of the protocol that it speaks, such as `zstd`.
    public var capabilities: [String]

    public init(
        hardware: String, agentVersion: String, runtimeVersion: String, instructionSet: String, capabilities: [String]
    ) {
        self.hardware = hardware
        self.agentVersion = agentVersion
        self.runtimeVersion = runtimeVersion
        self.instructionSet = instructionSet
        self.capabilities = capabilities
    }
}

/// Where the installation of a release stands in a slot (architecture: "Devices").
public enum InstallPhase: String, Hashable, Sendable, CaseIterable {
    case idle, fetching, verifying, staged, proving, waiting, probation, committed, failed, rolledBack

    /// No further step follows without a new desired state.
    public var isFinal: Bool {
        switch self {
        case .committed, .failed, .rolledBack: true
        case .idle, .fetching, .verifying, .staged, .proving, .waiting, .probation: false
        }
    }
}

/// Why an installation failed or was rolled back: stable codes; people read `detail` beside it.
public enum InstallFailure: String, Hashable, Sendable, CaseIterable {
    case badSignature, tooFewSignatures, expired, oldCounter, wrongHardware, oldRuntime, outOfScope, outsideDelegation
    case malformedManifest, malformedImage, wrongDigest, arenaTooLarge, noSpace, fetchTimedOut
    case proofFailed, proofTooSlow, probationErrors, probationLatency, storeFailed, superseded
    /// The agent's process ended while the release was at work.
    case crashed
    /// It failed here too often to be tried again yet.
    case quarantined
    /// A person at the device wanted the release before.
    case byHand
}

/// When a staged release becomes active.
public enum ActivationCondition: Hashable, Sendable {
    case now
    /// Daily window in minutes after midnight at the device's site (its agent's `time_zone`, UTC without one); `end` may
    /// be below `start` (over midnight).
    case window(startMinute: Int, endMinute: Int)
    /// When the local application signals the boundary of a lot.
    case lotBoundary
}

/// A device's signed statement that a release runs: the only thing that counts as success.
public struct Receipt: Hashable, Sendable {
    public var slot: SlotName
    /// Digest of the signed manifest.
    public var release: Digest
    public var image: Digest
    public var version: VersionID
    public var counter: UInt64
    /// Largest absolute difference to the golden outputs.
    public var goldenError: Float
    /// Median latency of the golden inferences in microseconds.
    public var latency: Int
    public var instructionSet: String
    public var runtimeVersion: String
    public var committedAt: Instant

    public init(
        slot: SlotName, release: Digest, image: Digest, version: VersionID, counter: UInt64, goldenError: Float,
        latency: Int, instructionSet: String, runtimeVersion: String, committedAt: Instant
    ) {
        self.slot = slot
        self.release = release
        self.image = image
        self.version = version
        self.counter = counter
        self.goldenError = goldenError
        self.latency = latency
        self.instructionSet = instructionSet
        self.runtimeVersion = runtimeVersion
        self.committedAt = committedAt
    }
}

/// What the controller asks of a device beside the release: how to report and what to sample.
public struct DevicePolicy: Hashable, Sendable {
    /// Between two reports while inferences come in.
    public var reportInterval: Interval
    public var sampling: SamplingPolicy

    public init(reportInterval: Interval = .minutes(5), sampling: SamplingPolicy = SamplingPolicy()) {
        self.reportInterval = reportInterval
        self.sampling = sampling
    }
}

/// Margin-weighted random selection with a floor for every frame, within a byte budget.
public struct SamplingPolicy: Hashable, Sendable {
    /// A held-out device has this off and sends none.
    public var enabled: Bool
    /// Probability of a frame whose margin is 1, 0...1.
    public var floor: Float
    /// Added to the floor in proportion to `1 - margin`, 0...1.
    public var slope: Float
    /// Bytes of samples per day of the device's clock; unspent budget is kept up to one day.
    public var bytesPerDay: Int
    /// Samples in a release's first inferences, so that people soon see something: bytes available at once.
    public var burstBytes: Int

    public init(
        enabled: Bool = true, floor: Float = 0.02, slope: Float = 0.2, bytesPerDay: Int = 1 << 20,
        burstBytes: Int = 1 << 16
    ) {
        self.enabled = enabled
        self.floor = floor
        self.slope = slope
        self.bytesPerDay = bytesPerDay
        self.burstBytes = burstBytes
    }
}
