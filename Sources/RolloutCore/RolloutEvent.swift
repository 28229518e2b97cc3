public import FleetModel

/// What a rollout hears. Every event may come twice or late: what no longer fits changes nothing.
public enum RolloutEvent: Hashable, Sendable {
    /// A person's or a policy's command.
    case command(RolloutCommand, reason: String)
    /// Devices that the plan's selector matches: all of them before the start, newcomers at any time.
    case devices([RolloutCandidate])
    /// A device that left the fleet or was revoked; it counts nowhere any more.
    case removed(DeviceID)
    /// A receipt whose signature was verified and that was not seen before. The only success there is. `previous`: the
    /// release that the device ran before and would go back to, if it has a receipt of that too.
    case receipt(DeviceID, release: Digest, previous: Digest? = nil)
    /// A device reports that it could not install the release, or went back by itself.
    case failed(DeviceID, release: Digest, failure: InstallFailure, detail: String)
    /// A device that has observed its newest desired generation, does nothing more and runs `champion`. `previous`: as
    /// for a receipt.
    case settled(DeviceID, champion: Digest?, previous: Digest? = nil)
    /// Time has passed: see `RolloutMachine.nextDeadline`.
    case tick
}

/// What people, or a policy in their place, may ask of a rollout.
public enum RolloutCommand: String, Hashable, Sendable, CaseIterable {
    /// The plan is complete and waits for its release to be approved.
    case submit
    /// The release is approved.
    case approve
    case start
    /// No further offers; what was offered goes on.
    case pause
    /// Goes on, and offers again to devices that failed or timed out.
    case resume
    /// No further offers, and what was offered is withdrawn. Devices that succeeded keep the release.
    case abort
    /// Every device that was reached goes back to what it ran before.
    case rollback
}

/// A device as a rollout needs to know it.
public struct RolloutCandidate: Hashable, Sendable {
    public var device: DeviceID
    /// Its tags, for the selectors of waves.
    public var tags: [String: String]
    /// The release that it runs in the first slot concerned, as far as is known: what it goes back to, unless it says
    /// otherwise with its receipt.
    public var champion: Digest?

    public init(device: DeviceID, tags: [String: String], champion: Digest?) {
        self.device = device
        self.tags = tags
        self.champion = champion
    }
}
