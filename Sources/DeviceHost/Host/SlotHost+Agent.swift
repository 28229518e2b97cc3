import DeviceCore
import FleetModel

/// The slot that holds no model but the device's own program. The same machine runs it: the proof is the program's check
/// of itself, to serve is to run as this process, and probation ends well only in the new program itself.
extension SlotHost {
    var isAgent: Bool { name == .agent }

    /// What answers here now: in the agent's slot, the release whose program this process is.
    var answering: HeldRelease? {
        guard isAgent else { return serving?.held }
        guard let held = machine.state.serving, held.image.digest == host.platform.program?.running else { return nil }
        return held
    }

    /// The limits of an installation in a slot. An agent that failed is not tried again before its quarantine is over; it
    /// is the record that counts its starts, and no inference that ends its probation.
    static func limits(of slot: SlotName, _ limits: DeviceLimits) -> UpdateLimits {
        guard slot == .agent else { return limits.update }
        var update = limits.update
        update.strikes = 1
        update.starts = agentStarts
        update.probation.inferences = .max
        let longest = Interval(milliseconds: limits.agentConfirm.milliseconds / 2)
        update.probation.duration = min(update.probation.duration, longest)
        return update
    }

    /// Starts on probation: the record's, and some after power cuts between two stores.
    private static let agentStarts = 4 * AgentRecord.trialStarts

    /// A committed program that lives this long may be started as often again.
    private static let steadyMilliseconds: Int64 = 60_000

    private var record: AgentRecordFile {
        AgentRecordFile(folder: host.configuration.folder, files: host.files)
    }

    // MARK: Starting

    /// What the installed program holds against a release comes before anything else.
    func startAgent() {
        judgeFailed()
        host.loop.schedule(after: Self.steadyMilliseconds) { [weak host] in host?.slots[.agent]?.confirmSteady() }
    }

    /// Until the state has taken in that a program was left, nothing goes over to any: it would be that program again.
    private func judgeFailed() {
        guard let failed = record.load().failed, let release = release(of: failed.program) else { return }
        isVerdictOpen = true
        feed(.abandoned(release: release, detail: failed.reason))
        isVerdictOpen = self.release(of: failed.program) != nil
        guard isVerdictOpen else { return runWantedAgent() }
        retrySoon { $0.judgeFailed() }
    }

    /// The disk did not take it: once more in a minute.
    private func retrySoon(_ work: @escaping @Sendable (SlotHost) -> Void) {
        guard !isRetrying else { return }
        isRetrying = true
        host.loop.schedule(after: Self.steadyMilliseconds) { [weak host] in
            guard let slot = host?.slots[.agent] else { return }
            slot.isRetrying = false
            work(slot)
        }
    }

    private func release(of program: Digest) -> Digest? {
        let state = machine.state
        return [state.serving, state.champion].compactMap { $0 }.first { $0.image.digest == program }?.release
    }

    private func confirmSteady() {
        var current = record.load()
        guard current.confirm(host.platform.program?.running) else { return }
        store(current)
    }

    // MARK: Proving

    /// The program runs once, as a child, before it may take this one's place.
    func proveAgent(_ held: HeldRelease) {
        guard let program = host.platform.program else {
            return feed(.proofImpossible(release: held.release, detail: "this device cannot replace its agent"))
        }
        let release = held.release
        program.check(host.images.path(of: held.image.digest), on: host.loop) { [weak host] outcome in
            let slot = host?.slots[.agent]
            switch outcome {
            case .passed(let microseconds):
                slot?.feed(.proved(release: release, GoldenResult(maximumError: 0, latency: microseconds)))
            case .failed(let detail): slot?.feed(.proofImpossible(release: release, detail: detail))
            }
        }
    }

    // MARK: Running

    /// Sees to it that the program runs which the machine's state asks for. Level, not edge: after a power cut between
    /// the state's store and the record's, the next start does what was left.
    func runWantedAgent() {
        guard isAgent, !isSwitching, !isVerdictOpen, let program = host.platform.program else { return }
        let wanted = machine.state.serving
        if wanted?.image.digest == program.running { return settle(program) }
        let isTrial = machine.state.phase == .probation
        // A program that cannot reach the broker is found guilty of it, so this one must reach it.
        guard !isTrial || host.isConnected else { return }
        var next = record.load()
        if isTrial, let wanted {
            next.attempt(wanted.image.digest, from: program.running)
        } else {
            next.settle(on: wanted?.image.digest, previous: machine.state.releaseToReturnTo?.image.digest)
        }
        isSwitching = true
        guard store(next) else { return giveUp(wanted, isTrial: isTrial) }
        host.note(.problem("going over to \(wanted.map { "\($0.version)" } ?? "the installed agent")"))
        program.restart()
    }

    private func giveUp(_ wanted: HeldRelease?, isTrial: Bool) {
        // Meanwhile nothing is switched: a rollback that cannot be stored either would lead back here at once.
        if isTrial, let wanted {
            feed(.abandoned(release: wanted.release, detail: "the device could not note that it is to be started"))
        }
        isSwitching = false
        if isTrial, machine.state.phase != .probation { return runWantedAgent() }
        retrySoon { $0.runWantedAgent() }
    }

    /// The committed program runs: the record says so too.
    private func settle(_ program: any AgentProgram) {
        guard machine.state.phase != .probation, program.running != nil else { return }
        var current = record.load()
        guard current.isTrial, current.chosen == program.running else { return }
        current.settle(on: program.running, previous: machine.state.releaseToReturnTo?.image.digest)
        if store(current) { program.confirm() }
    }

    @discardableResult
    private func store(_ next: AgentRecord) -> Bool {
        do throws(DeviceError) {
            try record.store(next)
            return true
        } catch {
            host.note(.problem("the agent's record: \(error)"))
            return false
        }
    }

    // MARK: Probation

    /// On probation only the new program judges itself: it must reach the broker, and every model must serve.
    private var isHealthy: Bool {
        guard host.isConnected, answering != nil else { return false }
        return host.slots.values.allSatisfy { $0.isAgent || $0.machine.state.serving == nil || $0.serving != nil }
    }

    /// When time alone changes something here, of what the machine waits for.
    func machineWakeAt(_ now: Instant) -> Instant? {
        guard isAgent, machine.state.phase == .probation else { return machine.wakeAt(now) }
        if isHealthy { return machine.wakeAt(now) }
        guard answering != nil else { return nil }
        let due = startedAt.advanced(by: host.configuration.limits.agentConfirm)
        return machine.storeAgainAt.map { max($0, due) } ?? due
    }

    func tickMachine(at now: Instant) {
        guard let due = machineWakeAt(now), now >= due else { return }
        guard isAgent, machine.state.phase == .probation, !isHealthy else { return feed(.tick) }
        guard let candidate = machine.state.candidate else { return }
        let seconds = host.configuration.limits.agentConfirm.milliseconds / 1000
        let what = host.isConnected ? "a model does not serve under it" : "it does not reach the broker"
        feed(.abandoned(release: candidate.release, detail: "not confirmed within \(seconds) s: \(what)"))
    }
}
