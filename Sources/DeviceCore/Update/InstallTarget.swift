public import FleetModel

/// What a slot should run, as the controller's desired document says it.
public struct InstallTarget: Hashable, Sendable {
    /// Digest of the signed manifest.
    public var release: Digest
    public var activation: ActivationCondition
    /// The device gives up fetching after this.
    public var deadline: Instant
    /// Blobs that yield images, by the image's digest; an image that is not listed is pulled from its own digest.
    public var sources: [Digest: Digest]

    public init(
        release: Digest, activation: ActivationCondition = .now, deadline: Instant, sources: [Digest: Digest] = [:]
    ) {
        self.release = release
        self.activation = activation
        self.deadline = deadline
        self.sources = sources
    }

    /// A deadline for targets that the device sets for itself: about the year 2255.
    public static let noDeadline = Instant(milliseconds: 9_000_000_000_000)
}

/// A release whose manifest was trusted and whose image is, or will be, on disk.
public struct HeldRelease: Hashable, Sendable {
    /// Digest of the signed manifest.
    public var release: Digest
    public var image: ImageReference
    public var version: VersionID
    public var counter: UInt64
    /// Releases that the device may return to by itself if it once committed them.
    public var mayReturnTo: [Digest]
    /// Largest absolute difference of a golden output.
    public var tolerance: Float
    /// Largest median latency of one inference, in microseconds.
    public var latencyLimit: Int

    public init(
        release: Digest, image: ImageReference, version: VersionID, counter: UInt64, mayReturnTo: [Digest],
        tolerance: Float, latencyLimit: Int
    ) {
        self.release = release
        self.image = image
        self.version = version
        self.counter = counter
        self.mayReturnTo = mayReturnTo
        self.tolerance = tolerance
        self.latencyLimit = latencyLimit
    }

    /// What a slot holds of a trusted manifest; nil if the manifest has no part for the slot.
    public init?(release: Digest, manifest: ReleaseManifest, slot: SlotName) {
        guard let part = manifest.part(for: slot) else { return nil }
        self.init(
            release: release, image: part.image, version: part.version, counter: manifest.counter,
            mayReturnTo: manifest.mayReturnTo, tolerance: part.golden.tolerance,
            latencyLimit: part.golden.latencyLimit)
    }
}

/// What the golden inputs showed on this device.
public struct GoldenResult: Hashable, Sendable {
    /// Largest absolute difference to the golden outputs; not a number if an output was not.
    public var maximumError: Float
    /// Median latency of one inference, in microseconds.
    public var latency: Int

    public init(maximumError: Float, latency: Int) {
        self.maximumError = maximumError
        self.latency = latency
    }
}
