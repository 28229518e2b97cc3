public import FleetModel

/// One rollout: a value that hears events and says what to do. It holds no clock and does nothing itself.
///
/// `draft → awaitingApproval → scheduled → running ⇄ paused → completed`, and from any of the started states
/// `aborting → aborted` or `rollingBack → rolledBack`.
///
/// Devices that appear after the start belong to the last wave, if its selector matches them: they are offered the release
/// when that wave begins, or at once if it has, even after the rollout's end; so a device that was away for months still
/// gets what the rest of the fleet runs. What becomes of them no longer changes a completed rollout's state.
public struct RolloutMachine: Hashable, Sendable {
    /// Names the rollout; the order of devices depends on it.
    public let id: String
    public let plan: RolloutPlan
    /// To be persisted after every event.
    public internal(set) var snapshot: RolloutSnapshot

    /// A new rollout in `draft`, or one that continues from what was persisted. Wave indices of a snapshot that does not
    /// fit the plan are moved to the last wave.
    public init(id: String, plan: RolloutPlan, snapshot: RolloutSnapshot = RolloutSnapshot()) {
        self.id = id
        self.plan = plan
        self.snapshot = snapshot
        while self.snapshot.waves.count < plan.waves.count { self.snapshot.waves.append(WaveProgress()) }
        let last = max(plan.waves.count - 1, 0)
        self.snapshot.wave = min(max(snapshot.wave, 0), last)
        for (device, progress) in snapshot.devices where !plan.waves.indices.contains(progress.wave) {
            self.snapshot.devices[device] = plan.waves.isEmpty ? nil : progress
            self.snapshot.devices[device]?.wave = last
        }
    }

    /// Takes one event and returns what is to be done, in order.
    public mutating func handle(_ event: RolloutEvent, at now: Instant) -> [RolloutAction] {
        var actions: [RolloutAction] = []
        switch event {
        case .command(let command, let reason): obey(command, reason: reason, at: now, &actions)
        case .devices(let candidates): join(candidates, at: now, &actions)
        case .removed(let device): snapshot.devices[device] = nil
        case .receipt(let device, let release, let previous): receive(device, release, previous, at: now)
        case .failed(let device, let release, let failure, let detail):
            fail(device, release, failure, detail, at: now)
        case .settled(let device, let champion, let previous):
            settle(device, champion, previous, at: now, &actions)
        case .tick: break
        }
        expire(at: now)
        advance(at: now, &actions)
        return actions
    }

    // MARK: Commands

    /// Whether a command means something now; otherwise `handle` leaves everything as it is.
    public func allows(_ command: RolloutCommand) -> Bool {
        switch command {
        case .submit: snapshot.state == .draft
        case .approve: snapshot.state == .awaitingApproval
        case .start: snapshot.state == .scheduled && !plan.waves.isEmpty
        case .pause: snapshot.state == .running
        case .resume: snapshot.state == .paused
        case .abort: [.draft, .awaitingApproval, .scheduled, .running, .paused].contains(snapshot.state)
        case .rollback: [.running, .paused, .completed, .aborting, .aborted].contains(snapshot.state)
        }
    }

    private mutating func obey(
        _ command: RolloutCommand, reason: String, at now: Instant, _ actions: inout [RolloutAction]
    ) {
        guard allows(command) else { return }
        switch command {
        case .submit: change(to: .awaitingApproval, reason, &actions)
        case .approve: change(to: .scheduled, reason, &actions)
        case .start:
            snapshot.startedAt = now
            change(to: .running, reason, &actions)
            begin(wave: 0, at: now, &actions)
        case .pause: change(to: .paused, reason, &actions)
        case .resume:
            change(to: .running, reason, &actions)
            offer(where: { $0.state == .failed || $0.state == .timedOut }, at: now, &actions)
            offer(where: { $0.state == .pending }, at: now, &actions)
        case .abort: abort(reason, at: now, &actions)
        case .rollback: rollBack(reason, at: now, &actions)
        }
    }

    mutating func change(to state: RolloutState, _ reason: String, _ actions: inout [RolloutAction]) {
        snapshot.state = state
        snapshot.reason = reason
        actions.append(.changed(state, reason: reason))
    }

    // MARK: Offers

    mutating func begin(wave: Int, at now: Instant, _ actions: inout [RolloutAction]) {
        snapshot.wave = wave
        snapshot.waves[wave].startedAt = now
        actions.append(.waveBegan(wave))
        offer(where: { $0.wave == wave && $0.state == .pending }, at: now, &actions)
    }

    /// Offers to the devices of waves that have begun, in the order of their names.
    mutating func offer(
        where isMeant: (DeviceProgress) -> Bool, at now: Instant, _ actions: inout [RolloutAction]
    ) {
        for device in snapshot.devices.keys.sorted() {
            guard var progress = snapshot.devices[device], isMeant(progress),
                snapshot.waves[progress.wave].startedAt != nil
            else { continue }
            progress.state = .offered
            progress.offeredAt = now
            progress.endedAt = nil
            progress.failure = nil
            progress.detail = ""
            snapshot.devices[device] = progress
            actions.append(
                .offer(
                    RolloutOffer(
                        device: device, release: plan.release, activation: plan.activation,
                        deadline: now.advanced(by: plan.waves[progress.wave].deadline))))
        }
    }

    /// Before the start all devices are assigned afresh; later the newcomers join the last wave.
    private mutating func join(
        _ candidates: [RolloutCandidate], at now: Instant, _ actions: inout [RolloutAction]
    ) {
        let matching = candidates.filter { plan.selector.matches($0.device, tags: $0.tags) }
        switch snapshot.state {
        case .draft, .awaitingApproval, .scheduled:
            let waves = WaveAssignment.waves(plan.waves, rollout: id, devices: matching)
            snapshot.devices = [:]
            for candidate in matching {
                guard let wave = waves[candidate.device] else { continue }
                snapshot.devices[candidate.device] = DeviceProgress(wave: wave, returnTo: candidate.champion)
            }
        case .running, .paused, .completed:
            guard let last = plan.waves.last else { return }
            for candidate in matching
            where snapshot.devices[candidate.device] == nil
                && last.selector.matches(candidate.device, tags: candidate.tags)
            {
                snapshot.devices[candidate.device] = DeviceProgress(
                    wave: plan.waves.count - 1, returnTo: candidate.champion)
            }
            if snapshot.state != .paused { offer(where: { $0.state == .pending }, at: now, &actions) }
        case .aborting, .aborted, .rollingBack, .rolledBack: break
        }
    }
}
