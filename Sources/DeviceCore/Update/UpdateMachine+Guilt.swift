import FleetModel

/// What a device holds against releases: failures, and ends of its own process.
extension UpdateMachine {
    // MARK: Quarantine

    /// Counts a failure. From the limit on the release is not tried for a while, twice as long after each further one.
    mutating func strike(_ release: Digest?, at now: Instant) {
        guard let release else { return }
        let count = (state.strikes.first { $0.release == release }?.count ?? 0) + 1
        let pause = limits.quarantine(afterStrikes: count)
        state.strikes.removeAll { $0.release == release }
        state.strikes.append(Strike(release: release, count: count, until: pause.map(now.advanced(by:)) ?? .epoch))
        if state.strikes.count > UpdateLimits.strikesKept { state.strikes.removeFirst() }
    }

    /// Says no for now; the wish is taken up when the quarantine ends.
    mutating func refuseQuarantined(_ strike: Strike, at now: Instant) -> [UpdateAction] {
        let seconds = strike.until.since(now).milliseconds / 1000
        let detail = "failed here \(strike.count) times: in quarantine for another \(seconds) s"
        let actions = fail(.quarantined, detail: detail, at: now, strikes: false)
        // A clock that was far ahead when the release failed must not keep it out for longer than the cap.
        state.retryAt = min(strike.until, now.advanced(by: limits.quarantineCap))
        return [.stopFetching] + actions
    }

    mutating func endQuarantine(at now: Instant) -> [UpdateAction] {
        guard state.failure == .quarantined, let target = state.target, let due = state.retryAt, now >= due else {
            return []
        }
        for index in state.strikes.indices where state.strikes[index].release == target.release {
            state.strikes[index].until = .epoch
        }
        return begin(target, at: now)
    }

    // MARK: Crashes

    /// The process ended while this release was at work: on probation or in its proof that is enough to be rid of it; the
    /// champion is left for the last good release once it does so again and again. nil: nothing of that kind.
    mutating func judgeCrash(intact: Set<Digest>, at now: Instant) -> [UpdateAction]? {
        guard let release = crashed else { return nil }
        crashed = nil
        if release == state.candidate?.release {
            let detail = "the agent's process ended while this release was at work"
            // What serves from now on must be whole.
            if state.phase == .probation || state.phase == .proving { _ = mendChampion(intact: intact, at: now) }
            switch state.phase {
            case .probation: return rollBack(.crashed, detail: detail, at: now)
            case .proving: return [.serve(state.champion)] + fail(.crashed, detail: detail, at: now)
            default: return nil
            }
        }
        guard let champion = state.champion, release == champion.release, state.phase != .probation else { return nil }
        let earlier = state.crashes.flatMap { count in
            count.release == release && now.since(count.at) <= limits.crashWindow ? count.count : nil
        }
        let count = (earlier ?? 0) + 1
        state.crashes = CrashCount(release: release, count: count, at: now)
        guard count >= limits.crashes else { return [.store] + start(intact: intact, at: now) }
        return enterSafeMode(leaving: champion, count: count, intact: intact, at: now)
    }

    /// Back to the last good release or, if there is none that the champion lets the device return to, to none: an agent
    /// that runs without a model can still be sent another one.
    private mutating func enterSafeMode(
        leaving champion: HeldRelease, count: Int, intact: Set<Digest>, at now: Instant
    ) -> [UpdateAction] {
        let back = placeToReturnTo(intact: intact)
        let place = back.map { "back to \($0.version)" } ?? "no release to go back to: serving none"
        return leave(
            champion, for: back, detail: "safe mode: the agent's process ended \(count) times at work on it; \(place)",
            at: now)
    }

    private mutating func leave(
        _ champion: HeldRelease, for back: HeldRelease?, detail: String, at now: Instant
    ) -> [UpdateAction] {
        strike(champion.release, at: now)
        speak(of: champion)
        state.candidate = nil
        state.champion = back
        state.previous = nil
        state.crashes = nil
        state.failure = .crashed
        enter(.rolledBack)
        state.detail = clipped(detail)
        return [.store, .serve(state.champion), .discardUnneeded, .report]
    }

    // MARK: Programs

    /// A program that was left already: on probation it is rolled back, a committed one makes way for the one before.
    mutating func abandon(_ release: Digest, detail: String, at now: Instant) -> [UpdateAction] {
        if state.phase == .probation {
            guard release == state.candidate?.release else { return [] }
            return rollBack(.crashed, detail: detail, at: now)
        }
        guard let champion = state.champion, release == champion.release else { return [] }
        return leave(champion, for: placeToReturnTo(intact: nil), detail: detail, at: now)
    }

    // MARK: Going back

    /// The release before, if it lies whole on disk, was committed here once and the champion lets the device return.
    private func placeToReturnTo(intact: Set<Digest>?) -> HeldRelease? {
        guard let previous = state.releaseToReturnTo, intact?.contains(previous.image.digest) ?? true else {
            return nil
        }
        return previous
    }

    /// A person at the device wants the release before: the candidate's probation ends, or the champion is left.
    mutating func returnByHand(at now: Instant) -> [UpdateAction] {
        if state.phase == .probation {
            return rollBack(.byHand, detail: "rolled back at the device", at: now)
        }
        guard state.phase.isFinal, let champion = state.champion, let back = placeToReturnTo(intact: nil) else {
            return []
        }
        speak(of: champion)
        state.champion = back
        state.previous = nil
        state.failure = .byHand
        enter(.rolledBack)
        state.detail = clipped("rolled back at the device from \(champion.version) to \(back.version)")
        return [.store, .serve(state.champion), .discardUnneeded, .report]
    }

    /// The final phase that follows speaks of this release. A wish for it stays as it is, so that the controller's same
    /// document is no new one.
    private mutating func speak(of held: HeldRelease) {
        guard state.target?.release != held.release else { return }
        state.target = InstallTarget(release: held.release, deadline: InstallTarget.noDeadline)
    }

    /// Whether `rollBackByHand` would change anything.
    public var canGoBack: Bool {
        state.phase == .probation || state.phase.isFinal && placeToReturnTo(intact: nil) != nil
    }
}

extension SlotState {
    /// The release before, if it was committed here once and the champion's manifest lets the device return to it.
    public var releaseToReturnTo: HeldRelease? {
        guard let champion, let previous, champion.mayReturnTo.contains(previous.release),
            committed.contains(previous.release)
        else { return nil }
        return previous
    }
}
