public import FleetModel
public import FleetWire

/// The life of one slot: which release it runs, which it installs, and when it goes back. Pure: no clock, no file, no
/// socket. The shell feeds events, performs the actions in order, and calls `tick` no later than `wakeAt`.
///
/// `idle → fetching → verifying → staged → proving → waiting → probation → committed`, or `failed`, or `rolledBack`.
/// The champion serves until a candidate is on probation, and again the moment that one is found wanting. The state is
/// stored before anything that rests on it is done, so a power cut at any point leads back into the same phase.
public struct UpdateMachine: Sendable {
    public internal(set) var state: SlotState
    /// Share of the present phase that is done, 0...1.
    public internal(set) var progress: Float = 0
    public private(set) var limits: UpdateLimits
    let bugs: PlantedBugs
    /// What the candidate showed since its probation began, or since the last start.
    var probation = ProbationRecord()
    /// The controller's last wish in this start of the agent: asked again after a failed store.
    var wish: InstallTarget??
    /// The release that was at work when the process before this one ended.
    var crashed: Digest?
    /// The state before the event at hand: what the disk holds if storing fails.
    private var durable: SlotState
    /// Storing failed; the machine tries again then.
    public internal(set) var storeAgainAt: Instant?
    /// One after the other.
    private var storeFailures = 0
    /// The last event asked for a store: unless the next one says that it failed, it did not.
    private var isStoring = false
    /// The images that were intact at a start whose outcome is being stored.
    private var storingStart: Set<Digest>?
    /// The same of a start that could not be stored: until it is, the champion serves and nothing else happens.
    private var unfinishedStart: Set<Digest>?

    /// Continues from a stored state; the first event must be `started`.
    public init(state: SlotState = SlotState(), limits: UpdateLimits = UpdateLimits()) {
        self.init(state: state, limits: limits, bugs: [])
    }

    package init(state: SlotState, limits: UpdateLimits, bugs: PlantedBugs) {
        self.state = state
        self.limits = limits
        self.bugs = bugs
        durable = state
    }

    /// Takes one event and says what to do. Never traps, whatever the order of events.
    public mutating func handle(_ event: UpdateEvent, at now: Instant) -> [UpdateAction] {
        let before = state
        if !event.isStoreFailure {
            storingStart = nil
            if isStoring { storeFailures = 0 }
        }
        isStoring = false
        var actions = unfinishedStart.map { startAgain($0, event, at: now) } ?? respond(to: event, at: now)
        if actions.stores {
            actions.keepFirstStore()
            if case .started(let intact) = event { storingStart = intact }
            state.stores += 1
            if state.stores > limits.stores, !state.phase.isFinal { actions = breakLoop(at: now) }
            durable = before
            storeAgainAt = nil
            isStoring = true
        }
        return actions
    }

    /// Other limits from now on.
    public mutating func adopt(_ limits: UpdateLimits) { self.limits = limits }

    /// When `tick` is due, or nil if time alone changes nothing.
    ///
    /// After a failed store nothing is due before the next attempt: a full disk would else keep the processor busy with
    /// what it holds back.
    public func wakeAt(_ now: Instant) -> Instant? {
        if bugs.contains(.wakeInVain) { return .earlier(storeAgainAt, phaseWakeAt(now)) }
        return storeAgainAt ?? phaseWakeAt(now)
    }

    /// Where the slot stands, as the device reports it. `receipts`: newest last.
    public func reported(slot: SlotName, receipts: [[UInt8]]) -> ReportedSlot {
        ReportedSlot(
            slot: slot, phase: state.phase, target: state.target?.release, progress: progress, failure: state.failure,
            detail: state.detail, champion: state.serving?.release, previous: previousForReport, receipts: receipts)
    }

    /// On probation the release to go back to is the champion.
    private var previousForReport: Digest? {
        state.phase == .probation ? state.champion?.release : state.previous?.release
    }

    private mutating func respond(to event: UpdateEvent, at now: Instant) -> [UpdateAction] {
        switch event {
        case .crashed(let release):
            crashed = release
            return []
        case .started(let intact): return start(intact: intact, at: now)
        case .desired(let target):
            wish = target
            return desire(target, at: now)
        case .manifestAccepted(let held): return acceptManifest(held, at: now)
        case .manifestRefused(let release, let failure, let detail):
            return refuseManifest(release, failure, detail: detail, at: now)
        case .fetched(let image, let share): return noteProgress(image, share: share)
        case .fetchFinished(let image): return finishFetching(image)
        case .fetchFailed(let release, let failure, let detail):
            return failFetching(release, failure, detail: detail, at: now)
        case .verified(let image): return finishVerifying(image)
        case .verifyFailed(let image, let failure, let detail):
            return failVerifying(image, failure, detail: detail, at: now)
        case .proved(let release, let result): return judgeProof(of: release, result, at: now)
        case .proofImpossible(let release, let detail): return failProof(of: release, detail: detail, at: now)
        case .serveFailed(let release, let detail): return failServing(release, detail: detail, at: now)
        case .abandoned(let release, let detail): return abandon(release, detail: detail, at: now)
        case .inferred(let release, let latency, let failed):
            return count(release: release, latency: latency, failed: failed, at: now)
        case .lotBoundary: return crossLotBoundary(at: now)
        case .rollBackByHand: return returnByHand(at: now)
        case .trustChanged: return tryAgainUnderNewTrust(at: now)
        case .tick: return tick(at: now)
        case .storeFailed(let detail): return storeFailed(detail, at: now)
        }
    }

    // MARK: Storing

    /// What was decided did not become durable: back to what the disk holds, and another attempt later. What serves
    /// goes on serving.
    private mutating func storeFailed(_ detail: String, at now: Instant) -> [UpdateAction] {
        state = durable
        state.detail = clipped("could not store: \(detail)")
        storeFailures += 1
        unfinishedStart = storingStart
        storingStart = nil
        storeAgainAt = now.advanced(by: limits.pause(afterAttempt: storeFailures))
        return [.stopFetching, .report]
    }

    private mutating func startAgain(_ intact: Set<Digest>, _ event: UpdateEvent, at now: Instant) -> [UpdateAction] {
        if case .desired(let target) = event { wish = target }
        if case .storeFailed(let detail) = event { return storeFailed(detail, at: now) }
        if let storeAgainAt, now < storeAgainAt { return [] }
        unfinishedStart = nil
        storeAgainAt = nil
        storingStart = intact
        let actions = start(intact: intact, at: now)
        return actions + (wish.map { desire($0, at: now) } ?? [])
    }

    /// The state was stored too often in one installation: whatever goes in circles ends here.
    private mutating func breakLoop(at now: Instant) -> [UpdateAction] {
        if state.phase == .probation {
            return rollBack(.storeFailed, detail: "stopped after \(limits.stores) stores", at: now)
        }
        return fail(.storeFailed, detail: "stopped after \(limits.stores) stores", at: now)
    }

    func clipped(_ text: String) -> String { String(text.prefix(UpdateLimits.detailLength)) }
}

extension [UpdateAction] {
    /// Whether the list makes the state durable.
    var stores: Bool { contains(where: \.isStore) }

    /// A store writes the state as it is after the whole event, so the first one in the list makes later ones idle.
    mutating func keepFirstStore() {
        guard let first = firstIndex(where: \.isStore) else { return }
        self = self[...first] + self[(first + 1)...].filter { !$0.isStore }
    }
}

extension UpdateEvent {
    var isStoreFailure: Bool { if case .storeFailed = self { true } else { false } }
}

extension UpdateAction {
    var isStore: Bool {
        switch self {
        case .store, .commit: true
        default: false
        }
    }
}
