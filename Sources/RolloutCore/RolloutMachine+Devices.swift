public import FleetModel

/// What devices say, and what they fail to say in time.
extension RolloutMachine {
    /// A receipt makes a device succeed from any state but `rolledBack`: a late success is one too. It changes nothing for a
    /// device that has been told to go back.
    mutating func receive(_ device: DeviceID, _ release: Digest, _ previous: Digest?, at now: Instant) {
        guard release == plan.release, snapshot.state != .rollingBack, var progress = snapshot.devices[device],
            progress.state != .rolledBack, progress.state != .succeeded,
            !isAwaitedBack(progress) || progress.returnTo == nil
        else { return }
        learn(previous, of: &progress)
        progress.state = .succeeded
        progress.endedAt = now
        progress.failure = nil
        progress.detail = ""
        snapshot.devices[device] = progress
        snapshot.waves[progress.wave].lastReceiptAt = now
    }

    /// A device that had succeeded can fail too: it went back by itself.
    mutating func fail(
        _ device: DeviceID, _ release: Digest, _ failure: InstallFailure, _ detail: String, at now: Instant
    ) {
        guard release == plan.release, snapshot.state != .rollingBack, var progress = snapshot.devices[device],
            progress.state == .offered || progress.state == .succeeded
        else { return }
        progress.state = .failed
        progress.endedAt = now
        progress.failure = failure
        progress.detail = detail
        snapshot.devices[device] = progress
    }

    /// A device that was sent back and runs what it ran before. One that ran nothing before has nothing to go back to:
    /// it is done once it has heard that nothing more is desired.
    mutating func settle(
        _ device: DeviceID, _ champion: Digest?, _ previous: Digest?, at now: Instant, _ actions: inout [RolloutAction]
    ) {
        guard var progress = snapshot.devices[device], isAwaitedBack(progress) else { return }
        if progress.returnTo == nil, champion == plan.release {
            // It committed the release after all, and now says that it has something to go back to.
            learn(previous, of: &progress)
            if let goal = progress.returnTo {
                progress.offeredAt = now
                actions.append(.withdraw(device, to: goal))
            }
        }
        if progress.returnTo == nil || champion == progress.returnTo {
            progress.state = .rolledBack
            progress.endedAt = now
        }
        snapshot.devices[device] = progress
    }

    /// What a device ran before is the device's to say: when it was offered the release, the controller may not have
    /// heard of its last commit yet. One that was known to run the release already keeps it.
    private func learn(_ previous: Digest?, of progress: inout DeviceProgress) {
        guard let previous, previous != plan.release, progress.returnTo != plan.release else { return }
        progress.returnTo = previous
    }

    /// Offline is never success: past its deadline an offered device has timed out.
    mutating func expire(at now: Instant) {
        for (device, progress) in snapshot.devices {
            guard isAwaited(progress) || isAwaitedBack(progress), let deadline = deadline(of: progress), deadline <= now
            else { continue }
            snapshot.devices[device]?.state = .timedOut
            snapshot.devices[device]?.endedAt = now
        }
    }

    /// Offered, and a receipt is expected.
    private func isAwaited(_ progress: DeviceProgress) -> Bool {
        progress.state == .offered && snapshot.state != .rollingBack
    }

    func deadline(of progress: DeviceProgress) -> Instant? {
        progress.offeredAt.map { $0.advanced(by: plan.waves[progress.wave].deadline) }
    }

    // MARK: Time

    /// When the next `tick` changes something if nothing else happens; nil if only events can.
    public var nextDeadline: Instant? {
        var instants = snapshot.devices.values.filter { isAwaited($0) || isAwaitedBack($0) }.compactMap(deadline)
        if snapshot.state == .running, hasReceipts(wave: snapshot.wave), let soaked = soakEnd(wave: snapshot.wave) {
            instants.append(soaked)
        }
        return instants.min()
    }
}
