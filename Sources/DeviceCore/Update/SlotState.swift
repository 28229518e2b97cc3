public import FleetModel

/// Everything about a slot that must survive a power cut. The shell stores it whole, in one transaction.
public struct SlotState: Hashable, Sendable {
    public var phase: InstallPhase = .idle
    /// What is being installed or, in the final phases, what the phase speaks of.
    public var target: InstallTarget?
    /// The target's trusted contents, from the manifest's acceptance until commit or failure.
    public var candidate: HeldRelease?
    /// The last release that passed probation: what a device serves after any boot, unless a candidate is on probation.
    public var champion: HeldRelease?
    /// The champion before, kept on disk to return to.
    public var previous: HeldRelease?
    /// Wanted once the probation that is under way has ended.
    public var pending: InstallTarget?
    public var failure: InstallFailure?
    /// What happened, for people; at most `UpdateLimits.detailLength` characters.
    public var detail = ""
    /// Failed attempts to fetch the target.
    public var attempts = 0
    /// The next attempt waits for this.
    public var retryAt: Instant?
    public var proof: GoldenResult?
    /// Starts of the agent in the present phase: a model that ends the process is caught by counting them.
    public var starts = 0
    /// Times that this state was stored since the target was set: breaks every endless loop.
    public var stores = 0
    /// The highest counter that ever became active, by model, with the release that carried it.
    public var accepted: [ModelName: AcceptedCounter] = [:]
    /// Releases that this slot once committed, oldest first, at most `UpdateLimits.committedKept`.
    public var committed: [Digest] = []
    /// Releases that failed here, oldest first, at most `UpdateLimits.strikesKept`.
    public var strikes: [Strike] = []
    /// Ends of the process within a release's work, of one release at a time.
    public var crashes: CrashCount?
    /// Blobs other than the image's own that did not yield the target's image here, at most `UpdateLimits.spentKept`.
    public var spent: [Digest] = []

    public init() {}

    /// What the slot serves: the candidate on probation, else the champion.
    public var serving: HeldRelease? { phase == .probation ? candidate : champion }

    /// The blob that the target's image is pulled from: the one that the controller names unless it failed here, else
    /// the image's own.
    public func blob(for image: Digest) -> Digest {
        guard let named = target?.sources[image], !spent.contains(named) else { return image }
        return named
    }

    /// Digests of the images that must stay on disk.
    public var neededImages: Set<Digest> {
        Set([candidate, champion, previous].compactMap { $0?.image.digest })
    }

    /// Digests of the manifests that must stay on disk.
    public var neededReleases: Set<Digest> {
        Set([candidate, champion, previous].compactMap { $0?.release })
    }
}

/// The highest counter of a model that became active.
public struct AcceptedCounter: Hashable, Sendable {
    public var counter: UInt64
    /// The release that carried it: it alone may be installed again with an equal counter.
    public var release: Digest

    public init(counter: UInt64, release: Digest) {
        self.counter = counter
        self.release = release
    }
}

/// A release that failed on this device.
public struct Strike: Hashable, Sendable {
    public var release: Digest
    public var count: Int
    /// The release is not tried again before this.
    public var until: Instant

    public init(release: Digest, count: Int, until: Instant = .epoch) {
        self.release = release
        self.count = count
        self.until = until
    }
}

/// How often the agent's process ended while a release was at work.
public struct CrashCount: Hashable, Sendable {
    public var release: Digest
    public var count: Int
    /// The start after the last of them.
    public var at: Instant

    public init(release: Digest, count: Int, at: Instant) {
        self.release = release
        self.count = count
        self.at = at
    }
}
