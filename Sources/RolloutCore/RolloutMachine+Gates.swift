import FleetModel

/// Gates: when the next wave begins, and when the rollout stops by itself.
extension RolloutMachine {
    /// Goes as far as gates allow: pauses, begins the next wave, or ends.
    mutating func advance(at now: Instant, _ actions: inout [RolloutAction]) {
        switch snapshot.state {
        case .running:
            while snapshot.state == .running {
                if let reason = reasonToPause() {
                    change(to: .paused, reason, &actions)
                } else if hasPassed(wave: snapshot.wave, at: now) {
                    end(wave: snapshot.wave, at: now, &actions)
                } else {
                    return
                }
            }
        case .aborting where !snapshot.devices.values.contains(where: isAwaitedBack):
            finish(.aborted, at: now, &actions)
        case .rollingBack where !snapshot.devices.values.contains(where: isAwaitedBack):
            finish(.rolledBack, at: now, &actions)
        case .draft, .awaitingApproval, .scheduled, .paused, .completed, .aborting, .aborted, .rollingBack, .rolledBack:
            return
        }
    }

    private mutating func end(wave: Int, at now: Instant, _ actions: inout [RolloutAction]) {
        snapshot.waves[wave].endedAt = now
        actions.append(.waveEnded(wave))
        if wave + 1 < plan.waves.count {
            begin(wave: wave + 1, at: now, &actions)
        } else {
            snapshot.endedAt = now
            let counts = snapshot.counts
            change(to: .completed, "\(counts.succeeded) of \(counts.total) devices sent a receipt", &actions)
        }
    }

    private mutating func finish(_ state: RolloutState, at now: Instant, _ actions: inout [RolloutAction]) {
        snapshot.endedAt = now
        change(to: state, snapshot.reason, &actions)
    }

    // MARK: Conditions

    private func hasPassed(wave: Int, at now: Instant) -> Bool {
        guard hasReceipts(wave: wave), let soaked = soakEnd(wave: wave) else { return false }
        return soaked <= now
    }

    func hasReceipts(wave: Int) -> Bool {
        snapshot.counts(ofWave: wave).succeeded >= neededReceipts(wave: wave)
    }

    private func neededReceipts(wave: Int) -> Int {
        WaveAssignment.quota(plan.waves[wave].gate.minimumReceipts, of: snapshot.counts(ofWave: wave).total)
    }

    /// The soak counts from the last receipt, so that the last device has run that long too.
    func soakEnd(wave: Int) -> Instant? {
        let progress = snapshot.waves[wave]
        return (progress.lastReceiptAt ?? progress.startedAt)?.advanced(by: plan.waves[wave].gate.soak)
    }

    /// Looks at every wave that has begun: an earlier one may still lose devices.
    private func reasonToPause() -> String? {
        for index in 0...snapshot.wave {
            let wave = plan.waves[index]
            let counts = snapshot.counts(ofWave: index)
            if counts.total > 0, Double(counts.lost) > wave.gate.maximumFailures * Double(counts.total) + 1e-9 {
                return """
                    wave '\(wave.name)': \(counts.lost) of \(counts.total) devices failed or timed out, more than the \
                    \(percent(wave.gate.maximumFailures)) allowed\(example(wave: index))
                    """
            }
            let needed = neededReceipts(wave: index)
            if index == snapshot.wave, counts.succeeded + counts.open < needed {
                return """
                    wave '\(wave.name)': at most \(counts.succeeded + counts.open) of the \(needed) receipts that its \
                    gate needs can still come\(example(wave: index))
                    """
            }
        }
        return nil
    }

    /// The last device that was lost, with what it said.
    private func example(wave: Int) -> String {
        let lost = snapshot.devices.filter {
            $0.value.wave == wave && ($0.value.state == .failed || $0.value.state == .timedOut)
        }
        guard
            let (device, progress) = lost.max(by: {
                ($0.value.endedAt ?? .epoch, $0.key) < ($1.value.endedAt ?? .epoch, $1.key)
            })
        else { return "" }
        guard let failure = progress.failure else { return " (last: \(device) was not heard of in time)" }
        let detail = progress.detail.isEmpty ? "" : ", \(progress.detail)"
        return " (last: \(device), \(failure.rawValue)\(detail))"
    }

    private func percent(_ share: Double) -> String { "\(Int(share * 100 + 0.5)) %" }
}
