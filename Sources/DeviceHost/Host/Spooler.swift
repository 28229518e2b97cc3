import DeviceCore
import FleetModel
import FleetWire

/// Reports and samples on their way into the store and out of it: the ledger that decides, and the messages that wait
/// for the next commit.
struct Spooler {
    private let store: DeviceStore
    private let boot: String
    private var ledger: SpoolLedger
    private var next: [StreamKind: UInt64] = [:]
    /// Written, and not yet committed.
    private var pending: [(key: SpoolKey, bytes: Int)] = []
    private var flushAt: Instant?
    /// Reports that were given up since the last report said so.
    private(set) var reportsDropped: UInt64 = 0

    init(store: DeviceStore, boot: String, limits: SpoolLimits, stored: [(key: SpoolKey, bytes: Int)]) {
        self.store = store
        self.boot = boot
        ledger = SpoolLedger(stored: stored, limits: limits)
    }

    // MARK: Adding

    var hasRoomForReport: Bool { ledger.hasRoomForReport }

    func hasRoomForSample(bytes: Int) -> Bool {
        let waiting = pending.reduce(0) { $0 + ($1.key.stream == .sample ? $1.bytes : 0) }
        return ledger.hasRoomForSample(bytes: waiting + bytes)
    }

    /// The key of the next message of a stream in this boot.
    func nextKey(_ stream: StreamKind) -> SpoolKey {
        SpoolKey(stream: stream, boot: boot, sequence: next[stream] ?? 1)
    }

    /// Writes a message; it is durable, and then sent, after the next commit.
    mutating func add(
        _ key: SpoolKey, parts: [[UInt8]], at now: Instant, flushAfter delay: Interval
    ) throws(DeviceError) {
        // The number is used up even if storing fails: a key never names two messages.
        next[key.stream] = key.sequence + 1
        try store.spool(key, parts: parts)
        pending.append((key, parts.reduce(0) { $0 + $1.count }))
        if key.stream == .report { reportsDropped = 0 }
        flushSoon(at: now, after: delay)
    }

    /// Gives up the oldest report, for one that cannot wait.
    mutating func makeRoomForReport() throws(DeviceError) {
        guard !ledger.hasRoomForReport, let oldest = ledger.dropOldestReport() else { return }
        reportsDropped += 1
        try store.delete(spooled: [oldest])
    }

    // MARK: Committing

    mutating func flushSoon(at now: Instant, after delay: Interval) {
        let due = now.advanced(by: delay)
        flushAt = flushAt.map { min($0, due) } ?? due
    }

    func isFlushDue(at now: Instant) -> Bool { flushAt.map { now >= $0 } ?? false }

    /// What was pending is durable now.
    mutating func committed(at now: Instant) -> [SpoolAction] {
        flushAt = nil
        defer { pending.removeAll(keepingCapacity: true) }
        return pending.flatMap { ledger.add($0.key, bytes: $0.bytes, at: now) }
    }

    /// What was pending is gone; gives its number.
    mutating func lost() -> Int {
        flushAt = nil
        defer { pending.removeAll() }
        reportsDropped += UInt64(pending.count { $0.key.stream == .report })
        return pending.count
    }

    // MARK: Sending

    mutating func connected(at now: Instant) -> [SpoolAction] { ledger.connected(at: now) }
    mutating func disconnected() { ledger.disconnected() }
    mutating func acknowledged(_ ack: Ack, at now: Instant) -> [SpoolAction] { ledger.acknowledged(ack, at: now) }
    mutating func tick(at now: Instant) -> [SpoolAction] { ledger.tick(at: now) }
    var wakeAt: Instant? { [ledger.wakeAt, flushAt].compactMap { $0 }.min() }
    /// Messages that wait for an acknowledgement.
    func count(_ stream: StreamKind) -> Int { ledger.count(stream) }
}
