public import FleetModel
public import FleetWire

/// Names one spooled message for ever: with the device's id, the key under which the controller stores it once.
public struct SpoolKey: Hashable, Sendable {
    public var stream: StreamKind
    public var boot: String
    public var sequence: UInt64

    public init(stream: StreamKind, boot: String, sequence: UInt64) {
        self.stream = stream
        self.boot = boot
        self.sequence = sequence
    }
}

/// Bounds of what waits for the controller's acknowledgement.
public struct SpoolLimits: Hashable, Sendable {
    /// Reports: a day of them at the usual five minutes. When full, the open window grows instead.
    public var reports = 288
    /// Bytes of samples. When full, frames are not offered to the sampler.
    public var sampleBytes = 16 << 20
    /// Samples.
    public var samples = 4096
    /// Bytes of the device's log; 0: nothing is kept or sent. Reports and samples beyond their own quotas take theirs of
    /// this.
    public var logBytes = 64 << 10
    /// Reports, and samples, that are sent and not acknowledged.
    public var inFlight = 32
    /// Without acknowledgement for this long a message is sent again; twice as long after each time.
    public var resendAfter = Interval.seconds(15)
    /// The longest wait between two sends of a message.
    public var resendCap = Interval.minutes(5)
    /// Messages sent in a second, so that a fleet that comes back from an outage does not flood its broker; 0: as fast as
    /// acknowledgements come.
    public var catchUpPerSecond = 50

    public init() {}

    /// Messages of a stream that are sent and not acknowledged. Few of the log: a controller of before it acknowledges
    /// none, and they go out again and again.
    func window(_ stream: StreamKind) -> Int { stream == .log ? max(1, inFlight / 8) : inFlight }
}

/// What the shell must do for the spool.
public enum SpoolAction: Hashable, Sendable {
    /// Publish the stored message.
    case send(SpoolKey)
    /// The controller has committed these: delete them.
    case delete([SpoolKey])
}

/// Accounts for spooled reports, samples and messages of the log: what waits, what is under way, what may be deleted. The messages
/// themselves lie in the shell's store; a key enters the ledger only after its message is durable there.
public struct SpoolLedger: Sendable {
    private struct Entry: Sendable {
        let key: SpoolKey
        let bytes: Int
        var sentAt: Instant?
        var sends = 0
    }

    public private(set) var limits: SpoolLimits
    /// Thousandths of messages that may be sent now, and since when.
    private var credit: Int64
    private var creditAt = Instant.epoch
    /// Oldest first, per stream.
    private var entries = PerStream<[Entry]>(repeating: [])
    private var bytes = PerStream(repeating: 0)
    private var isConnected = false

    /// - Parameter stored: what an earlier boot left, oldest first.
    public init(stored: [(key: SpoolKey, bytes: Int)] = [], limits: SpoolLimits = SpoolLimits()) {
        self.limits = limits
        credit = Int64(limits.inFlight) * 1000
        for item in stored { append(item.key, bytes: item.bytes) }
    }

    public func count(_ stream: StreamKind) -> Int { entries[stream].count }
    public func bytes(_ stream: StreamKind) -> Int { bytes[stream] }

    /// What waits beside its quotas.
    public var room: SpoolRoom {
        var room = SpoolRoom(limits: limits)
        for stream in StreamKind.allCases {
            room.shares[stream] = SpoolShare(count: count(stream), bytes: bytes(stream))
        }
        return room
    }

    /// The oldest messages of the log that hold so many bytes together, or all that there are.
    public func oldestOfLog(holding size: Int, without gone: Set<SpoolKey> = []) -> [(key: SpoolKey, bytes: Int)] {
        var found: [(key: SpoolKey, bytes: Int)] = []
        var sum = 0
        for entry in entries.log where sum < size && !gone.contains(entry.key) {
            found.append((entry.key, entry.bytes))
            sum += entry.bytes
        }
        return found
    }

    /// Other limits from now on. What is beyond them stays until it is acknowledged.
    public mutating func adopt(_ limits: SpoolLimits) { self.limits = limits }

    // MARK: Events

    /// A message is durable.
    public mutating func add(_ key: SpoolKey, bytes: Int, at now: Instant) -> [SpoolAction] {
        append(key, bytes: bytes)
        return send(key.stream, at: now)
    }

    /// The connection is up: everything that was under way is under way no more.
    public mutating func connected(at now: Instant) -> [SpoolAction] {
        isConnected = true
        for stream in StreamKind.allCases {
            for index in entries[stream].indices {
                entries[stream][index].sentAt = nil
                entries[stream][index].sends = 0
            }
        }
        return StreamKind.allCases.flatMap { fill($0, at: now) }
    }

    public mutating func disconnected() { isConnected = false }

    /// The controller's transaction committed. Holes in what was sent are sent again at once.
    public mutating func acknowledged(_ ack: Ack, at now: Instant) -> [SpoolAction] {
        var actions: [SpoolAction] = []
        for stream in ack.streams {
            let deleted = settle(stream, boot: ack.boot)
            if !deleted.isEmpty { actions.append(.delete(deleted)) }
            actions += send(stream.stream, at: now)
        }
        return actions
    }

    public mutating func tick(at now: Instant) -> [SpoolAction] {
        guard isConnected else { return [] }
        for stream in StreamKind.allCases {
            for index in entries[stream].indices {
                guard let due = resendAt(entries[stream][index]), now >= due else { continue }
                entries[stream][index].sentAt = nil
            }
        }
        return StreamKind.allCases.flatMap { fill($0, at: now) }
    }

    /// When `tick` is due.
    public var wakeAt: Instant? {
        guard isConnected else { return nil }
        var due = creditDue
        for stream in StreamKind.allCases {
            for entry in entries[stream] { due = .earlier(due, resendAt(entry)) }
        }
        return due
    }

    /// Makes room for a report that cannot wait (its release is being replaced): gives up the oldest one.
    public mutating func dropOldestReport() -> SpoolKey? {
        guard let oldest = entries.report.first else { return nil }
        entries.report.removeFirst()
        bytes.report -= oldest.bytes
        return oldest.key
    }

    /// These are no longer in the store: merged, or given up to make room.
    public mutating func forget(_ keys: Set<SpoolKey>) {
        for stream in StreamKind.allCases {
            let gone = entries[stream].filter { keys.contains($0.key) }
            bytes[stream] -= gone.reduce(0) { $0 + $1.bytes }
            entries[stream].removeAll { keys.contains($0.key) }
        }
    }

    /// The message of this key is another one now.
    public mutating func resize(_ key: SpoolKey, bytes size: Int) {
        guard let index = entries[key.stream].firstIndex(where: { $0.key == key }) else { return }
        let entry = entries[key.stream][index]
        bytes[key.stream] += size - entry.bytes
        entries[key.stream][index] = Entry(key: key, bytes: size, sentAt: entry.sentAt, sends: entry.sends)
    }

    // MARK: Pace

    private var isPaced: Bool { limits.catchUpPerSecond > 0 }

    /// Adds what the time since the last call allows, up to a full window.
    private mutating func earnCredit(at now: Instant) {
        let elapsed = min(max(0, now.since(creditAt).milliseconds), 3_600_000)
        credit = min(Int64(limits.inFlight) * 1000, credit + elapsed * Int64(limits.catchUpPerSecond))
        creditAt = max(creditAt, now)
    }

    /// When the next message may go, if one is held back by the pace alone.
    private var creditDue: Instant? {
        guard isPaced else { return nil }
        let missing = StreamKind.allCases.compactMap { stream -> Int64? in
            let list = entries[stream]
            let isHeldBack =
                list.contains { $0.sentAt == nil } && list.count { $0.sentAt != nil } < limits.window(stream)
            let missing = 1000 + kept(from: stream) - credit
            return isHeldBack && missing > 0 ? missing : nil
        }
        guard let least = missing.min() else { return nil }
        let rate = Int64(limits.catchUpPerSecond)
        return creditAt.advanced(by: Interval(milliseconds: (least + rate - 1) / rate))
    }

    /// Credit that a stream leaves to the others: whatever of the log was sent, a report that comes need not wait.
    private func kept(from stream: StreamKind) -> Int64 { stream == .log ? Int64(limits.inFlight / 2) * 1000 : 0 }

    // MARK: Inside

    private mutating func append(_ key: SpoolKey, bytes cost: Int) {
        entries[key.stream].append(Entry(key: key, bytes: cost))
        bytes[key.stream] += cost
    }

    /// Takes out what is committed and marks the holes as not sent.
    private mutating func settle(_ ack: StreamAck, boot: String) -> [SpoolKey] {
        var deleted: [SpoolKey] = []
        var kept: [Entry] = []
        for var entry in entries[ack.stream] {
            let sequence = entry.key.sequence
            guard entry.key.boot == boot, sequence <= ack.highest else {
                kept.append(entry)
                continue
            }
            if ack.holes.contains(where: { $0.contains(sequence) }) {
                // A message that the controller keeps missing waits longer each time, like any other.
                if entry.sends <= 1 { entry.sentAt = nil }
                kept.append(entry)
            } else {
                bytes[ack.stream] -= entry.bytes
                deleted.append(entry.key)
            }
        }
        entries[ack.stream] = kept
        return deleted
    }

    /// Sends what a stream has. The log comes after all that waits, whatever brought its turn.
    private mutating func send(_ stream: StreamKind, at now: Instant) -> [SpoolAction] {
        stream == .log ? StreamKind.allCases.flatMap { fill($0, at: now) } : fill(stream, at: now)
    }

    /// Sends the oldest unsent messages as far as the window allows.
    private mutating func fill(_ stream: StreamKind, at now: Instant) -> [SpoolAction] {
        guard isConnected else { return [] }
        earnCredit(at: now)
        var free = limits.window(stream) - entries[stream].count { $0.sentAt != nil }
        if isPaced { free = min(free, Int((credit - kept(from: stream)) / 1000)) }
        var actions: [SpoolAction] = []
        for index in entries[stream].indices where free > 0 {
            guard entries[stream][index].sentAt == nil else { continue }
            entries[stream][index].sentAt = now
            entries[stream][index].sends += 1
            actions.append(.send(entries[stream][index].key))
            free -= 1
            if isPaced { credit -= 1000 }
        }
        return actions
    }

    private func resendAt(_ entry: Entry) -> Instant? {
        guard let sentAt = entry.sentAt else { return nil }
        let wait = limits.resendAfter.milliseconds << Int64(min(max(entry.sends - 1, 0), 16))
        return sentAt.advanced(by: Interval(milliseconds: min(wait, limits.resendCap.milliseconds)))
    }
}
