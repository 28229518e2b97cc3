public import FleetModel

/// All that a rollout remembers: the shell persists it in the transaction that carries out the actions, and a restart
/// continues from it.
public struct RolloutSnapshot: Hashable, Sendable {
    public var state: RolloutState
    /// Why the state is what it is, for people.
    public var reason: String
    /// The wave that runs, an index into the plan's.
    public var wave: Int
    public var startedAt: Instant?
    public var endedAt: Instant?
    /// One for each wave of the plan.
    public var waves: [WaveProgress]
    public var devices: [DeviceID: DeviceProgress]

    public init(
        state: RolloutState = .draft, reason: String = "", wave: Int = 0, startedAt: Instant? = nil,
        endedAt: Instant? = nil, waves: [WaveProgress] = [], devices: [DeviceID: DeviceProgress] = [:]
    ) {
        self.state = state
        self.reason = reason
        self.wave = wave
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.waves = waves
        self.devices = devices
    }
}

/// When things happened to a wave.
public struct WaveProgress: Hashable, Sendable {
    public var startedAt: Instant?
    public var lastReceiptAt: Instant?
    public var endedAt: Instant?

    public init(startedAt: Instant? = nil, lastReceiptAt: Instant? = nil, endedAt: Instant? = nil) {
        self.startedAt = startedAt
        self.lastReceiptAt = lastReceiptAt
        self.endedAt = endedAt
    }
}

/// Where one device stands.
public struct DeviceProgress: Hashable, Sendable {
    /// Index of its wave.
    public var wave: Int
    public var state: RolloutDeviceState
    /// What it ran before the rollout reached it, as far as that is known: at the offer the controller may not have heard of
    /// its last commit. nil: it ran nothing.
    public var returnTo: Digest?
    /// When its present desired state was set: its deadline counts from here.
    public var offeredAt: Instant?
    public var endedAt: Instant?
    public var failure: InstallFailure?
    /// What it said about the failure.
    public var detail: String

    public init(
        wave: Int, state: RolloutDeviceState = .pending, returnTo: Digest? = nil, offeredAt: Instant? = nil,
        endedAt: Instant? = nil, failure: InstallFailure? = nil, detail: String = ""
    ) {
        self.wave = wave
        self.state = state
        self.returnTo = returnTo
        self.offeredAt = offeredAt
        self.endedAt = endedAt
        self.failure = failure
        self.detail = detail
    }
}

/// Devices by state.
public struct RolloutCounts: Hashable, Sendable {
    public var pending = 0
    public var offered = 0
    public var succeeded = 0
    public var failed = 0
    public var timedOut = 0
    public var rolledBack = 0

    public init(_ devices: some Sequence<DeviceProgress> = [] as [DeviceProgress]) {
        for device in devices {
            switch device.state {
            case .pending: pending += 1
            case .offered: offered += 1
            case .succeeded: succeeded += 1
            case .failed: failed += 1
            case .timedOut: timedOut += 1
            case .rolledBack: rolledBack += 1
            }
        }
    }

    public var total: Int { pending + offered + succeeded + failed + timedOut + rolledBack }
    /// Devices that count against a gate.
    public var lost: Int { failed + timedOut }
    /// Devices that may still send a receipt.
    public var open: Int { pending + offered }
}

extension RolloutSnapshot {
    /// All devices of the rollout.
    public var counts: RolloutCounts { RolloutCounts(devices.values) }

    /// The devices of one wave.
    public func counts(ofWave wave: Int) -> RolloutCounts { RolloutCounts(devices.values.filter { $0.wave == wave }) }
}
