public import FleetModel

/// What a slot's update machine hears from its shell. Answers name what they answer, so that one which comes late,
/// after the target has changed, is known and ignored.
public enum UpdateEvent: Hashable, Sendable {
    /// The agent started. `intact`: images on disk whose bytes have their digest.
    case started(intact: Set<Digest>)
    /// The process that ran before this one ended while the release was at work. Comes right before `started`.
    case crashed(release: Digest)
    /// The controller's wish for the slot; nil: it has none.
    case desired(InstallTarget?)
    /// The manifest of `HeldRelease.release` came and was trusted.
    case manifestAccepted(HeldRelease)
    /// The manifest came and was refused for good.
    case manifestRefused(release: Digest, InstallFailure, detail: String)
    /// The device holds new roles: a release that the old ones refused may be good now.
    case trustChanged
    /// Share of the image's bytes that are on disk, 0...1.
    case fetched(image: Digest, share: Float)
    /// All bytes are on disk.
    case fetchFinished(image: Digest)
    /// Fetching stopped; trying again may help.
    case fetchFailed(release: Digest, InstallFailure, detail: String)
    /// The whole file has the image's digest and reads as an image.
    case verified(image: Digest)
    /// It does not; the bytes are gone.
    case verifyFailed(image: Digest, InstallFailure, detail: String)
    /// The golden inputs ran through the real runtime.
    case proved(release: Digest, GoldenResult)
    /// They could not run at all.
    case proofImpossible(release: Digest, detail: String)
    /// The shell could not load what it was told to serve.
    case serveFailed(release: Digest, detail: String)
    /// An agent's program was left for the one before it: it would not start, stay or confirm itself. May come before
    /// `started`.
    case abandoned(release: Digest, detail: String)
    /// One inference of the release that is served.
    case inferred(release: Digest, latencyMicroseconds: Int, failed: Bool)
    /// The local application stands between two lots.
    case lotBoundary
    /// A person at the device wants the release before.
    case rollBackByHand
    /// The `store` action failed: nothing after it in the list was done.
    case storeFailed(detail: String)
    /// Time passed (`UpdateMachine.wakeAt`).
    case tick
}
