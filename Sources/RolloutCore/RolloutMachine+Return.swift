import FleetModel

/// The ways back: aborting and rolling back.
///
/// A device that is sent back is recorded as offered (what is desired of it changed), and its deadline counts afresh. It
/// ends as `rolledBack` when it says that it runs what it ran before, and as `timedOut` if it does not in time.
extension RolloutMachine {
    /// Withdraws what was offered. A device that had it installed already keeps it and counts as succeeded.
    mutating func abort(_ reason: String, at now: Instant, _ actions: inout [RolloutAction]) {
        change(to: .aborting, reason, &actions)
        sendBack(where: { $0.state == .offered }, at: now, &actions)
    }

    /// Sends back every device that the rollout has touched, also those that failed: a failed one may have tried again.
    mutating func rollBack(_ reason: String, at now: Instant, _ actions: inout [RolloutAction]) {
        change(to: .rollingBack, reason, &actions)
        snapshot.endedAt = nil
        sendBack(where: { $0.state != .pending && $0.state != .rolledBack }, at: now, &actions)
    }

    /// On its way back, and not yet heard of. Only meaningful while aborting or rolling back.
    func isAwaitedBack(_ progress: DeviceProgress) -> Bool {
        progress.state == .offered && (snapshot.state == .aborting || snapshot.state == .rollingBack)
    }

    private mutating func sendBack(
        where isMeant: (DeviceProgress) -> Bool, at now: Instant, _ actions: inout [RolloutAction]
    ) {
        for device in snapshot.devices.keys.sorted() {
            guard var progress = snapshot.devices[device], isMeant(progress) else { continue }
            progress.state = .offered
            progress.offeredAt = now
            progress.endedAt = nil
            snapshot.devices[device] = progress
            actions.append(.withdraw(device, to: progress.returnTo))
        }
    }
}
