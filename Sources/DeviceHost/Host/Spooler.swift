import DeviceCore
import FleetModel
import FleetWire
import Sketches

/// What a device's spool did with its messages since the agent started.
public struct SpoolTotals: Hashable, Sendable {
    /// Reports that became one with their neighbour.
    public var reportsMerged: UInt64 = 0
    /// Reports that were given up: none could be merged any more.
    public var reportsDropped: UInt64 = 0
    /// Samples that made room for others.
    public var samplesDropped: UInt64 = 0
    /// Lines of the log that were given up.
    public var logLinesDropped: UInt64 = 0
}

/// Reports, samples and the log on their way into the store and out of it: the ledger that decides, and the messages that
/// wait for the next commit.
///
/// When there is no more room, the log is the first to go, its oldest messages first. Then resolution in time: neighbouring
/// reports become one. Then samples, those that the model was sure of first. A report is given up last, and receipts never:
/// they lie elsewhere.
final class Spooler {
    let store: DeviceStore
    private let boot: String
    private var ledger: SpoolLedger
    private var next = PerStream<UInt64>(repeating: 1)
    /// Written, and not yet committed.
    private var pending: [(key: SpoolKey, parts: [[UInt8]])] = []
    /// Deleted or rewritten, and not yet committed.
    private var forgotten: Set<SpoolKey> = []
    /// What of all this counts for room.
    private var change = PerStream(repeating: SpoolShare())
    private var resized: [SpoolKey: Int] = [:]
    private var pendingTotals = SpoolTotals()
    private var flushAt: Instant?
    /// Nothing can be kept: the disk is read-only.
    let isClosed: Bool
    private var isConnected = false
    /// A look for reports to merge may find some.
    private var mayMerge = true
    private var nextThinning = Instant.epoch
    private var sums = SpoolTotals()
    /// Lines of the log that were given up.
    var logLoss = LogLoss()
    /// Reports that were given up since the last report said so, and samples.
    var reportsDropped: UInt64 = 0
    private var samplesDropped: UInt64 = 0

    init(
        store: DeviceStore, boot: String, limits: SpoolLimits, stored: [(key: SpoolKey, bytes: Int)],
        isClosed: Bool = false
    ) {
        self.store = store
        self.boot = boot
        self.isClosed = isClosed
        ledger = SpoolLedger(stored: stored, limits: limits)
    }

    func adopt(_ limits: SpoolLimits) {
        ledger.adopt(limits)
        mayMerge = true
    }

    /// What the spool did since the agent started.
    var totals: SpoolTotals {
        var totals = sums
        totals.logLinesDropped = logLoss.total
        return totals
    }

    // MARK: Room

    /// What waits, with what the next commit adds and takes.
    var room: SpoolRoom {
        var room = ledger.room
        for stream in StreamKind.allCases {
            room.shares[stream].count += change[stream].count
            room.shares[stream].bytes += change[stream].bytes
        }
        return room
    }

    /// Whether a report may be kept, perhaps after others made room.
    var mayTakeReport: Bool {
        guard !isClosed else { return false }
        return room.logInTheWay(of: .report) != nil || mayMerge && !isConnected
    }

    func hasRoomForSample(bytes: Int) -> Bool { !isClosed && room.has(roomFor: .sample(bytes: bytes)) }

    private func count(_ key: SpoolKey, messages: Int, bytes: Int) {
        change[key.stream].count += messages
        change[key.stream].bytes += bytes
    }

    // MARK: Adding

    /// The key of the next message of a stream in this boot.
    func nextKey(_ stream: StreamKind) -> SpoolKey {
        SpoolKey(stream: stream, boot: boot, sequence: next[stream])
    }

    /// Samples that were given up since the last report said so.
    func takeSamplesDropped() -> UInt64 {
        defer { samplesDropped = 0 }
        return samplesDropped
    }

    /// Writes a message; it is durable, and then sent, after the next commit.
    func add(
        _ key: SpoolKey, parts: [[UInt8]], at now: Instant, flushAfter delay: Interval
    ) throws(DeviceError) {
        // The number is used up even if storing fails: a key never names two messages.
        next[key.stream] = key.sequence + 1
        try store.spool(key, parts: parts, maybeSent: isConnected)
        pending.append((key, parts))
        count(key, messages: 1, bytes: Self.bytes(parts))
        if key.stream == .report {
            reportsDropped = 0
            mayMerge = true
        }
        flushSoon(at: now, after: delay)
    }

    private static func bytes(_ parts: [[UInt8]]) -> Int { parts.reduce(0) { $0 + $1.count } }

    // MARK: Making room

    /// Makes room for a report if there is none: of the log, or else the two reports that are best made one become one.
    ///
    /// - Parameter isUrgent: the report cannot wait: if no two can be merged, the oldest is given up.
    /// - Returns: whether there is room.
    func makeRoomForReport(isUrgent: Bool) throws(DeviceError) -> Bool {
        guard !isClosed else { return false }
        if try makeRoom(for: .report) { return true }
        if !isConnected, try mergeReports() { return true }
        guard isUrgent, let oldest = ledger.dropOldestReport() else { return false }
        reportsDropped += 1
        sums.reportsDropped += 1
        try store.delete(spooled: [oldest])
        return true
    }

    /// Only reports that were certainly never sent may change: the controller may hold the others.
    private func mergeReports() throws(DeviceError) -> Bool {
        let unsent = try store.unsent(.report, limit: DeviceLimits.spoolScan)
        let readable = unsent.compactMap { item in
            (try? Report(decoding: item.message)).map { (key: item.key, report: $0, bytes: item.message.count) }
        }
        guard let (earlier, later) = Report.pairToMerge(readable.map(\.report)),
            let merged = readable[earlier].report.merged(into: readable[later].report)
        else {
            mayMerge = false
            return false
        }
        let bytes = merged.encoded()
        try store.replace(readable[later].key, parts: [bytes])
        try store.delete(spooled: [readable[earlier].key])
        forget(readable[earlier].key, bytes: readable[earlier].bytes)
        resized[readable[later].key] = bytes.count
        pendingTotals.reportsMerged += 1
        return true
    }

    /// Makes room for a sample if there is none: of the log, or else of samples.
    func makeRoomForSample(
        bytes: Int, random: inout SeededGenerator, at now: Instant
    ) throws(DeviceError) {
        guard !isClosed, try !makeRoom(for: .sample(bytes: bytes)) else { return }
        try thinSamples(random: &random, at: now)
    }

    /// Gives up some of the samples that were certainly never sent, those that the model was sure of first. At most once
    /// in a while: it costs the disk more than a sample does.
    private func thinSamples(random: inout SeededGenerator, at now: Instant) throws(DeviceError) {
        guard !isConnected, now >= nextThinning else { return }
        nextThinning = now.advanced(by: DeviceLimits.thinningPause)
        for (key, message) in try store.unsent(.sample, limit: DeviceLimits.spoolScan) {
            guard let first = try? SampleMessage(decoding: message) else { continue }
            let keep = SampleThinning.keepProbability(scores: first.scores, probability: first.probability)
            guard random.chance() < keep else {
                try store.delete(spooled: [key])
                forget(key, bytes: message.count)
                pendingTotals.samplesDropped += 1
                continue
            }
            let parts = try store.spooled(key).compactMap { bytes -> [UInt8]? in
                guard var part = try? SampleMessage(decoding: bytes) else { return nil }
                part.probability = min(1, part.probability * Float(keep))
                return part.encoded()
            }
            guard parts.count == first.partCount else { continue }
            try store.replace(key, parts: parts)
            resized[key] = Self.bytes(parts)
        }
        flushSoon(at: now, after: Interval(milliseconds: 0))
    }

    /// Deletes the oldest messages of the log that hold so many bytes together.
    func giveUpLog(holding size: Int) throws(DeviceError) {
        for (key, bytes) in ledger.oldestOfLog(holding: size, without: forgotten) {
            if let message = try store.spooled(key).first, let log = try? DeviceLog(decoding: message) {
                logLoss.gaveUp(log)
            }
            try store.delete(spooled: [key])
            forget(key, bytes: bytes)
        }
    }

    // MARK: Committing

    func flushSoon(at now: Instant, after delay: Interval) {
        let due = now.advanced(by: delay)
        flushAt = flushAt.map { min($0, due) } ?? due
    }

    func isFlushDue(at now: Instant) -> Bool { flushAt.map { now >= $0 } ?? false }

    /// What was pending is durable now.
    func committed(at now: Instant) -> [SpoolAction] {
        flushAt = nil
        ledger.forget(forgotten)
        for (key, bytes) in resized { ledger.resize(key, bytes: bytes) }
        // What was added may have been merged away since, in the same transaction.
        let added = pending.filter { !forgotten.contains($0.key) }
        sums.reportsMerged += pendingTotals.reportsMerged
        sums.samplesDropped += pendingTotals.samplesDropped
        samplesDropped += pendingTotals.samplesDropped
        logLoss.committed()
        defer { forgetPending() }
        return added.flatMap { ledger.add($0.key, bytes: resized[$0.key] ?? Self.bytes($0.parts), at: now) }
    }

    /// What was pending is gone; gives the reports and samples.
    func lost() -> [(key: SpoolKey, parts: [[UInt8]])] {
        flushAt = nil
        logLoss.rolledBack()
        defer { forgetPending() }
        let lost = pending.filter { $0.key.stream != .log }
        reportsDropped += UInt64(lost.count { $0.key.stream == .report })
        return lost
    }

    private func forgetPending() {
        pending.removeAll(keepingCapacity: true)
        forgotten.removeAll()
        resized.removeAll()
        change = PerStream(repeating: SpoolShare())
        pendingTotals = SpoolTotals()
    }

    /// Notes that a stored message is deleted in the open transaction.
    private func forget(_ key: SpoolKey, bytes: Int) {
        if forgotten.insert(key).inserted { count(key, messages: -1, bytes: -bytes) }
    }

    // MARK: Sending

    /// The connection is up. Before anything is sent it must be durable that it may have been: see `markAsSent`.
    func connected(at now: Instant) -> [SpoolAction] { ledger.connected(at: now) }

    /// Notes that everything may have been sent from now on; durable with the next commit.
    func markAsSent() throws(DeviceError) {
        isConnected = true
        if !isClosed { try store.markSpoolAsSent() }
    }

    func disconnected() {
        isConnected = false
        mayMerge = true
        ledger.disconnected()
    }

    func acknowledged(_ ack: Ack, at now: Instant) -> [SpoolAction] { ledger.acknowledged(ack, at: now) }
    func tick(at now: Instant) -> [SpoolAction] { ledger.tick(at: now) }
    var wakeAt: Instant? { .earlier(ledger.wakeAt, flushAt) }
    /// Messages that wait for an acknowledgement.
    func count(_ stream: StreamKind) -> Int { ledger.count(stream) }
}
