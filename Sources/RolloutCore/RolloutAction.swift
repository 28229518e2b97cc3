public import FleetModel

/// What the shell has to do. Actions are levels, not edges: doing one twice is doing it once.
public enum RolloutAction: Hashable, Sendable {
    /// Make the release the device's desired one.
    case offer(RolloutOffer)
    /// Make `release` the device's desired one again; nil means that nothing is desired.
    case withdraw(DeviceID, to: Digest?)
    /// A wave began: for the journal and for those who watch.
    case waveBegan(Int)
    /// A wave passed its gate.
    case waveEnded(Int)
    /// The rollout's state changed, with the reason for people.
    case changed(RolloutState, reason: String)
}

/// A release for one device.
public struct RolloutOffer: Hashable, Sendable {
    public var device: DeviceID
    public var release: Digest
    public var activation: ActivationCondition
    /// Without a receipt by then the device counts as timed out.
    public var deadline: Instant

    public init(device: DeviceID, release: Digest, activation: ActivationCondition, deadline: Instant) {
        self.device = device
        self.release = release
        self.activation = activation
        self.deadline = deadline
    }
}
