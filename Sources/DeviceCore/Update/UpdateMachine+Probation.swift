import FleetModel

/// What a candidate showed while it served.
struct ProbationRecord: Hashable, Sendable {
    var began = Instant.epoch
    var inferences = 0
    var errors = 0
    /// Inferences that took longer than the manifest allows for the median.
    var slow = 0
}

/// Activation, the probation that follows it, and its two ends.
extension UpdateMachine {
    mutating func activateIfDue(at now: Instant) -> [UpdateAction] {
        guard state.phase == .waiting, state.target?.activation.isOpen(at: now, in: limits.zone) == true else {
            return []
        }
        return activate(at: now)
    }

    mutating func crossLotBoundary(at now: Instant) -> [UpdateAction] {
        guard state.phase == .waiting, state.target?.activation == .lotBoundary else { return [] }
        return activate(at: now)
    }

    /// From here on the candidate serves, and its counter can never be undercut again.
    private mutating func activate(at now: Instant) -> [UpdateAction] {
        guard let candidate = state.candidate else { return [] }
        let accepted = state.accepted[candidate.version.model]
        if candidate.counter > accepted?.counter ?? 0 {
            state.accepted[candidate.version.model] = AcceptedCounter(
                counter: candidate.counter, release: candidate.release)
        }
        enter(.probation)
        probation = ProbationRecord(began: now)
        return [.store, .serve(candidate), .report]
    }

    mutating func failServing(_ release: Digest, detail: String, at now: Instant) -> [UpdateAction] {
        guard state.phase == .probation, release == state.candidate?.release else { return [] }
        return rollBack(.malformedImage, detail: detail, at: now)
    }

    mutating func count(release: Digest, latency: Int, failed: Bool, at now: Instant) -> [UpdateAction] {
        guard state.phase == .probation, let candidate = state.candidate, release == candidate.release else {
            return []
        }
        probation.inferences += 1
        if failed { probation.errors += 1 }
        if latency > candidate.latencyLimit { probation.slow += 1 }
        progress = min(1, Float(probation.inferences) / Float(max(1, limits.probation.inferences)))
        return judgeProbation(at: now)
    }

    /// Errors end a probation as soon as they cannot be made good any more; speed and success are judged at its end.
    mutating func judgeProbation(at now: Instant) -> [UpdateAction] {
        guard state.phase == .probation, storeAgainAt == nil else { return [] }
        let bounds = limits.probation
        if probation.errors > bounds.allowedErrors {
            return rollBack(
                .probationErrors, detail: "\(probation.errors) of \(probation.inferences) inferences failed", at: now)
        }
        let isOver =
            probation.inferences >= bounds.inferences || now.since(probation.began) >= bounds.duration
        guard isOver else { return [] }
        if Double(probation.slow) > bounds.slowShare * Double(probation.inferences) {
            return rollBack(
                .probationLatency,
                detail: "\(probation.slow) of \(probation.inferences) inferences were slower than the limit", at: now)
        }
        return commit(at: now)
    }

    private mutating func commit(at now: Instant) -> [UpdateAction] {
        guard let candidate = state.candidate, let proof = state.proof else {
            return rollBack(.storeFailed, detail: "the proof of the candidate was lost", at: now)
        }
        state.previous = bugs.contains(.forgetPrevious) ? nil : state.champion
        state.champion = candidate
        state.candidate = nil
        state.failure = nil
        state.detail = ""
        state.committed.removeAll { $0 == candidate.release }
        state.committed.append(candidate.release)
        if state.committed.count > UpdateLimits.committedKept { state.committed.removeFirst() }
        state.strikes.removeAll { $0.release == candidate.release }
        enter(.committed)
        progress = 1
        return [.commit(proof), .discardUnneeded, .report] + continueWithPending(at: now)
    }

    /// Back to the champion, by the device's own decision.
    mutating func rollBack(_ failure: InstallFailure, detail: String, at now: Instant) -> [UpdateAction] {
        strike(state.candidate?.release, at: now)
        state.candidate = nil
        state.failure = failure
        enter(.rolledBack)
        state.detail = clipped(detail)
        return [.store, .serve(state.champion), .discardUnneeded, .report] + continueWithPending(at: now)
    }

    private mutating func continueWithPending(at now: Instant) -> [UpdateAction] {
        guard let pending = state.pending else { return [] }
        state.pending = nil
        return desire(pending, at: now)
    }
}
