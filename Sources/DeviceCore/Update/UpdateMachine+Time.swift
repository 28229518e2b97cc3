import FleetModel

/// What follows from time alone, and from a start of the agent.
extension UpdateMachine {
    // MARK: Starting

    /// Power is back, in whatever phase it went. The champion serves before anything else is tried.
    mutating func start(intact: Set<Digest>, at now: Instant) -> [UpdateAction] {
        if let judged = judgeCrash(intact: intact, at: now) { return judged }
        let mending = mendChampion(intact: intact, at: now)
        var actions = [.serve(state.champion)] + mending
        guard state.phase != .probation else { return actions + startOnProbation(intact: intact, at: now) }
        guard !state.phase.isFinal, state.phase != .idle else {
            return actions + [.discardUnneeded, .report]
        }
        if state.phase == .proving {
            state.starts += 1
            guard state.starts < limits.starts else {
                return actions
                    + fail(.proofFailed, detail: "the agent ended \(state.starts) times while proving it", at: now)
            }
            actions.append(.store)
        }
        if let candidate = state.candidate, [.staged, .proving, .waiting].contains(state.phase) {
            if intact.contains(candidate.image.digest) { return actions + [.report] + proveAgain(candidate) }
            enter(.fetching)
            actions.append(.store)
        }
        return actions + [.report] + resume(at: now)
    }

    /// Proves once more after a start: the agent, and with it the runtime, may be another one now.
    private mutating func proveAgain(_ candidate: HeldRelease) -> [UpdateAction] {
        let starts = state.starts
        enter(.proving)
        state.starts = starts
        return [.store, .prove(candidate)]
    }

    /// A champion whose image is damaged or gone is installed again, while the previous one serves.
    mutating func mendChampion(intact: Set<Digest>, at now: Instant) -> [UpdateAction] {
        guard let champion = state.champion, !intact.contains(champion.image.digest) else { return [] }
        state.champion = state.previous.flatMap { intact.contains($0.image.digest) ? $0 : nil }
        state.previous = nil
        guard state.phase.isFinal else { return [.store] }
        state.target = InstallTarget(release: champion.release, deadline: InstallTarget.noDeadline)
        state.candidate = champion
        state.attempts = 0
        state.stores = 0
        enter(.fetching)
        state.detail = "the champion's image was damaged on disk"
        return [.store]
    }

    private mutating func startOnProbation(intact: Set<Digest>, at now: Instant) -> [UpdateAction] {
        guard let candidate = state.candidate, intact.contains(candidate.image.digest) else {
            return rollBack(.wrongDigest, detail: "the image was damaged on disk", at: now)
        }
        let starts = state.starts + 1
        guard starts < limits.starts else {
            return rollBack(.probationErrors, detail: "the agent ended \(starts) times on probation", at: now)
        }
        state.starts = starts
        probation = ProbationRecord(began: now)
        return [.store, .serve(candidate), .report]
    }

    /// Does what the present phase is there for, from its beginning.
    mutating func resume(at now: Instant) -> [UpdateAction] {
        guard let target = state.target else { return [] }
        guard state.phase == .fetching || state.phase == .verifying else { return [] }
        state.retryAt = nil
        guard now < target.deadline else {
            return [.stopFetching]
                + fail(.fetchTimedOut, detail: "not fetched before the deadline", at: now, strikes: false)
        }
        guard let candidate = state.candidate else { return [.fetchManifest(target.release)] }
        if state.phase == .verifying { return [.verifyImage(candidate.image)] }
        return [.fetchImage(candidate.image, blob: state.blob(for: candidate.image.digest))]
    }

    // MARK: Time

    mutating func tick(at now: Instant) -> [UpdateAction] {
        if let due = storeAgainAt {
            guard now >= due else { return [] }
            storeAgainAt = nil
            return retryAfterStoreFailure(at: now)
        }
        switch state.phase {
        case .failed: return endQuarantine(at: now)
        case .fetching:
            if let target = state.target, now >= target.deadline { return resume(at: now) }
            guard let retryAt = state.retryAt, now >= retryAt else { return [] }
            return resume(at: now)
        case .waiting: return activateIfDue(at: now)
        case .probation: return judgeProbation(at: now)
        case .idle, .verifying, .staged, .proving, .committed, .rolledBack: return []
        }
    }

    private mutating func retryAfterStoreFailure(at now: Instant) -> [UpdateAction] {
        switch state.phase {
        case .idle, .committed, .failed, .rolledBack: askAgain(at: now)
        case .staged, .proving: state.candidate.map { prove($0) } ?? []
        case .waiting: activateIfDue(at: now)
        case .probation: judgeProbation(at: now)
        case .fetching, .verifying: resume(at: now)
        }
    }

    /// The controller's last wish comes before the end of a quarantine that it may have left behind.
    private mutating func askAgain(at now: Instant) -> [UpdateAction] {
        let asked = wish.map { desire($0, at: now) } ?? []
        return asked.isEmpty ? endQuarantine(at: now) : asked
    }

    func phaseWakeAt(_ now: Instant) -> Instant? {
        switch state.phase {
        case .failed: state.retryAt
        case .fetching:
            .earlier(state.retryAt, state.target?.deadline)
        case .waiting:
            state.target?.activation.nextOpening(after: now, in: limits.zone)
        case .probation:
            probation.began.advanced(by: limits.probation.duration)
        case .idle, .verifying, .staged, .proving, .committed, .rolledBack: nil
        }
    }
}
