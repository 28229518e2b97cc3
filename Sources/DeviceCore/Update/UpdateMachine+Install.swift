import FleetModel

/// From the controller's wish to an image that is proved and waits.
extension UpdateMachine {
    // MARK: The wish

    mutating func desire(_ wanted: InstallTarget?, at now: Instant) -> [UpdateAction] {
        guard let wanted else { return withdraw() }
        if wanted == state.target { return [] }
        if state.phase == .probation { return desireOnProbation(wanted, at: now) }
        if wanted.release == state.champion?.release { return stay(with: wanted) }
        if wanted.release == state.target?.release, !state.phase.isFinal { return adopt(wanted, at: now) }
        if state.phase.isFinal, onlySourcesDiffer(wanted) { return adoptSources(wanted) }
        return begin(wanted, at: now)
    }

    /// The controller wants nothing: what serves goes on, what is being installed is left.
    private mutating func withdraw() -> [UpdateAction] {
        state.pending = nil
        guard !state.phase.isFinal, state.phase != .idle, state.phase != .probation else { return forgetQuarantine() }
        state.candidate = nil
        state.target = nil
        enter(state.champion == nil ? .idle : .committed)
        return [.stopFetching, .store, .discardUnneeded, .report]
    }

    /// What is in quarantine is wanted no more.
    private mutating func forgetQuarantine() -> [UpdateAction] {
        guard state.retryAt != nil else { return [] }
        state.retryAt = nil
        return [.store]
    }

    /// The champion is what is wanted.
    private mutating func stay(with wanted: InstallTarget) -> [UpdateAction] {
        state.target = wanted
        state.candidate = nil
        state.failure = nil
        state.detail = ""
        enter(.committed)
        return [.stopFetching, .store, .discardUnneeded, .report]
    }

    /// The same release under other terms: no reason to begin again.
    private mutating func adopt(_ wanted: InstallTarget, at now: Instant) -> [UpdateAction] {
        let sourcesChanged = wanted.sources != state.target?.sources
        state.target = wanted
        let goOn = sourcesChanged && state.phase == .fetching ? [.stopFetching] + resume(at: now) : tick(at: now)
        return [.store] + goOn
    }

    private func onlySourcesDiffer(_ wanted: InstallTarget) -> Bool {
        guard var same = state.target else { return false }
        same.sources = wanted.sources
        return same == wanted
    }

    /// An installation that is over, well or not, is not begun again because its image can be had otherwise.
    private mutating func adoptSources(_ wanted: InstallTarget) -> [UpdateAction] {
        state.target = wanted
        return [.store]
    }

    private mutating func desireOnProbation(_ wanted: InstallTarget, at now: Instant) -> [UpdateAction] {
        if wanted.release == state.candidate?.release {
            state.target = wanted
            state.pending = nil
            return [.store]
        }
        guard wanted.release == state.champion?.release else {
            state.pending = wanted
            return [.store]
        }
        // The controller takes the candidate back: at once, and without a strike, for it did nothing wrong here.
        state.pending = nil
        _ = stay(with: wanted)
        return [.store, .serve(state.champion), .discardUnneeded, .report]
    }

    /// Starts the installation of a release from its manifest on.
    mutating func begin(_ wanted: InstallTarget, at now: Instant) -> [UpdateAction] {
        state.target = wanted
        state.candidate = nil
        state.pending = nil
        state.proof = nil
        state.failure = nil
        state.detail = ""
        state.attempts = 0
        state.stores = 0
        if let strike = state.strikes.first(where: { $0.release == wanted.release }), now < strike.until {
            return refuseQuarantined(strike, at: now)
        }
        enter(.fetching)
        return [.stopFetching, .store] + resume(at: now) + [.report]
    }

    // MARK: Fetching

    mutating func acceptManifest(_ held: HeldRelease, at now: Instant) -> [UpdateAction] {
        guard state.phase == .fetching, state.candidate == nil, held.release == state.target?.release else { return [] }
        state.candidate = held
        return [.store] + resume(at: now) + [.report]
    }

    mutating func refuseManifest(
        _ release: Digest, _ failure: InstallFailure, detail: String, at now: Instant
    ) -> [UpdateAction] {
        guard state.phase == .fetching, state.candidate == nil, release == state.target?.release else { return [] }
        return [.stopFetching] + fail(failure, detail: detail, at: now, strikes: false)
    }

    mutating func tryAgainUnderNewTrust(at now: Instant) -> [UpdateAction] {
        let curable: [InstallFailure] = [.badSignature, .tooFewSignatures, .expired]
        guard state.phase == .failed, let target = state.target, let failure = state.failure,
            curable.contains(failure)
        else { return [] }
        return begin(target, at: now)
    }

    mutating func noteProgress(_ image: Digest, share: Float) -> [UpdateAction] {
        guard state.phase == .fetching, image == state.candidate?.image.digest else { return [] }
        let before = progress
        progress = min(max(share, 0), 1)
        // One report per tenth is enough for people and little for the broker.
        return Int(before * 10) == Int(progress * 10) ? [] : [.report]
    }

    mutating func finishFetching(_ image: Digest) -> [UpdateAction] {
        guard state.phase == .fetching, let candidate = state.candidate, image == candidate.image.digest else {
            return []
        }
        enter(.verifying)
        return [.store, .report, .verifyImage(candidate.image)]
    }

    mutating func failFetching(
        _ release: Digest, _ failure: InstallFailure, detail: String, at now: Instant
    ) -> [UpdateAction] {
        guard state.phase == .fetching, release == state.target?.release else { return [] }
        if let full = fallBackToFull(detail, at: now) { return [.stopFetching] + full }
        return [.stopFetching] + retryLater(failure, detail: detail, at: now)
    }

    /// Pauses, or gives up after the last attempt.
    private mutating func retryLater(
        _ failure: InstallFailure, detail: String, at now: Instant
    ) -> [UpdateAction] {
        state.attempts += 1
        guard state.attempts < limits.attempts else {
            return fail(failure, detail: "\(detail) (attempt \(state.attempts), the last)", at: now)
        }
        let attempts = state.attempts
        enter(.fetching)
        state.attempts = attempts
        state.retryAt = now.advanced(by: limits.pause(afterAttempt: attempts))
        state.detail = clipped(detail)
        return [.store, .report]
    }

    /// A blob that the controller named did not yield the image: at once, and without a failed attempt, the image's own
    /// blob is fetched. nil if that is what failed.
    private mutating func fallBackToFull(_ detail: String, at now: Instant) -> [UpdateAction]? {
        guard let image = state.candidate?.image.digest else { return nil }
        let blob = state.blob(for: image)
        guard blob != image else { return nil }
        state.spent = state.spent.suffix(UpdateLimits.spentKept - 1) + [blob]
        let attempts = state.attempts
        enter(.fetching)
        state.attempts = attempts
        state.detail = clipped("the full image instead of blob \(blob.short): \(detail)")
        return [.store] + resume(at: now) + [.report]
    }

    // MARK: Verifying and proving

    mutating func finishVerifying(_ image: Digest) -> [UpdateAction] {
        guard state.phase == .verifying, let candidate = state.candidate, image == candidate.image.digest else {
            return []
        }
        enter(.staged)
        return prove(candidate)
    }

    mutating func failVerifying(
        _ image: Digest, _ failure: InstallFailure, detail: String, at now: Instant
    ) -> [UpdateAction] {
        guard state.phase == .verifying, image == state.candidate?.image.digest else { return [] }
        // The bytes are the right ones, and still no image or one that there is no memory for: fetching would bring the same.
        if failure == .malformedImage || failure == .arenaTooLarge { return fail(failure, detail: detail, at: now) }
        if let full = fallBackToFull(detail, at: now) { return full }
        return retryLater(failure, detail: detail, at: now)
    }

    /// Stored before it begins: a model that ends the process must find its start counted.
    mutating func prove(_ candidate: HeldRelease) -> [UpdateAction] {
        enter(.proving)
        return [.store, .report, .prove(candidate)]
    }

    mutating func judgeProof(of release: Digest, _ result: GoldenResult, at now: Instant) -> [UpdateAction] {
        guard state.phase == .proving, let candidate = state.candidate, release == candidate.release else { return [] }
        // Written so that a maximum that is not a number fails.
        guard result.maximumError <= candidate.tolerance else {
            return fail(
                .proofFailed, detail: "golden error \(result.maximumError), allowed \(candidate.tolerance)", at: now)
        }
        guard result.latency <= candidate.latencyLimit else {
            return fail(
                .proofTooSlow, detail: "median \(result.latency) us, allowed \(candidate.latencyLimit) us", at: now)
        }
        state.proof = result
        enter(.waiting)
        let go = activateIfDue(at: now)
        return go.isEmpty ? [.store, .report] : go
    }

    mutating func failProof(of release: Digest, detail: String, at now: Instant) -> [UpdateAction] {
        guard state.phase == .proving, release == state.candidate?.release else { return [] }
        return fail(.proofFailed, detail: detail, at: now)
    }

    // MARK: Ends

    /// Ends the installation; the champion was never touched.
    ///
    /// - Parameter strikes: whether the release is to blame (and not the offer, a network or a disk).
    mutating func fail(
        _ failure: InstallFailure, detail: String, at now: Instant, strikes: Bool = true
    ) -> [UpdateAction] {
        if strikes { strike(state.target?.release, at: now) }
        state.candidate = nil
        state.failure = failure
        enter(.failed)
        state.detail = clipped(detail)
        return [.store, .discardUnneeded, .report]
    }

    /// A phase begins: what belonged to the one before is forgotten.
    mutating func enter(_ phase: InstallPhase) {
        state.phase = phase
        state.retryAt = nil
        state.starts = 0
        progress = 0
    }
}
