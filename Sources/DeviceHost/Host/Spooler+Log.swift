import DeviceCore
import FleetModel
import FleetWire

/// The log in the spool: the last to get room, and the first to give it.
extension Spooler {
    /// Writes lines as a message, if the log's quota holds it once its oldest messages are gone.
    ///
    /// - Parameter bytes: of the message, at most.
    /// - Returns: false if there is no room; nothing was written.
    func add(
        log lines: [LogLine], bytes: Int, at now: Instant, flushAfter delay: Interval
    ) throws(DeviceError) -> Bool {
        guard !isClosed, try makeRoom(for: .log(bytes: bytes)) else { return false }
        let key = nextKey(.log)
        let message = DeviceLog(boot: key.boot, sequence: key.sequence, dropped: logLoss.toTell, lines: lines)
        try add(key, parts: [message.encoded()], at: now, flushAfter: delay)
        logLoss.wrote(message)
        return true
    }

    /// Gives up as much of the log as is in the way of something.
    ///
    /// - Returns: whether there is room then.
    func makeRoom(for need: SpoolNeed) throws(DeviceError) -> Bool {
        if room.has(roomFor: need) { return true }
        guard let bytes = room.logInTheWay(of: need) else { return false }
        try giveUpLog(holding: bytes)
        return room.has(roomFor: need)
    }

    /// Gives up what of the log is beyond its quota: it may have become smaller.
    func trimLog(at now: Instant, flushAfter delay: Interval) throws(DeviceError) {
        guard !isClosed, room.logBeyond > 0 else { return }
        try giveUpLog(holding: room.logBeyond)
        flushSoon(at: now, after: delay)
    }

    /// On a full disk, after the loss of a transaction: gives up the whole log, and stores what was lost once more.
    ///
    /// - Returns: what may be sent then, or nil if there is no log to give up.
    func rescue(
        _ lost: [(key: SpoolKey, parts: [[UInt8]])], at now: Instant
    ) throws(DeviceError) -> [SpoolAction]? {
        guard count(.log) > 0 else { return nil }
        try store.database.recycleWriteAheadLog()
        try giveUpLog(holding: .max)
        try store.commit()
        var actions = committed(at: now)
        for (key, parts) in lost { try add(key, parts: parts, at: now, flushAfter: Interval(milliseconds: 0)) }
        try store.commit()
        actions += committed(at: now)
        return actions
    }
}
