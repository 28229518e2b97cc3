import DeviceCore
import FleetModel
import FleetWire
import Sketches
import Testing

@Suite("The spool's ledger")
struct SpoolLedgerTests {
    private static let start = Instant(milliseconds: 0)
    private static func key(_ sequence: UInt64, _ stream: StreamKind = .sample, boot: String = "b") -> SpoolKey {
        SpoolKey(stream: stream, boot: boot, sequence: sequence)
    }
    private static func ack(
        _ highest: UInt64, holes: [Range<UInt64>] = [], stream: StreamKind = .sample, boot: String = "b"
    ) -> Ack {
        Ack(boot: boot, streams: [StreamAck(stream: stream, highest: highest, holes: holes)])
    }
    private static func at(_ seconds: Int64) -> Instant { start.advanced(by: .seconds(seconds)) }

    private static func ledger(_ count: UInt64, connected: Bool = true) -> SpoolLedger {
        var ledger = SpoolLedger()
        if connected { _ = ledger.connected(at: start) }
        for sequence in 0..<count { _ = ledger.add(key(sequence + 1), bytes: 10, at: start) }
        return ledger
    }

    @Test("without a connection nothing is sent, and with one everything, oldest first")
    func connection() {
        var ledger = Self.ledger(3, connected: false)
        #expect(ledger.connected(at: Self.start) == (1...3).map { .send(Self.key($0)) })
        #expect(ledger.add(Self.key(4), bytes: 1, at: Self.start) == [.send(Self.key(4))])
    }

    @Test("only what is acknowledged is deleted")
    func acknowledged() {
        var ledger = Self.ledger(3)
        #expect(ledger.acknowledged(Self.ack(2), at: Self.start) == [.delete([Self.key(1), Self.key(2)])])
        #expect(ledger.count(.sample) == 1)
        #expect(ledger.bytes(.sample) == 10)
        #expect(ledger.acknowledged(Self.ack(2), at: Self.start).isEmpty)
        #expect(ledger.acknowledged(Self.ack(9, boot: "other"), at: Self.start).isEmpty)
        #expect(ledger.acknowledged(Self.ack(9, stream: .report), at: Self.start).isEmpty)
        #expect(ledger.count(.sample) == 1)
    }

    @Test("holes are kept and sent again at once")
    func holes() {
        var ledger = Self.ledger(4)
        #expect(
            ledger.acknowledged(Self.ack(4, holes: [2..<4]), at: Self.start)
                == [.delete([Self.key(1), Self.key(4)]), .send(Self.key(2)), .send(Self.key(3))])
        #expect(ledger.acknowledged(Self.ack(4, holes: [2..<4]), at: Self.start).isEmpty, "and not over and over")
        #expect(ledger.acknowledged(Self.ack(4), at: Self.start) == [.delete([Self.key(2), Self.key(3)])])
    }

    @Test("without an acknowledgement a message is sent again, ever more rarely")
    func resend() {
        var ledger = Self.ledger(1)
        #expect(ledger.tick(at: Self.at(14)).isEmpty)
        #expect(ledger.wakeAt == Self.at(15))
        #expect(ledger.tick(at: Self.at(15)) == [.send(Self.key(1))])
        #expect(ledger.wakeAt == Self.at(45))
        #expect(ledger.tick(at: Self.at(45)) == [.send(Self.key(1))])
        var last = Self.at(45)
        for _ in 0..<20 {
            guard let due = ledger.wakeAt else { break }
            #expect(due.since(last) <= ledger.limits.resendCap)
            last = due
            _ = ledger.tick(at: due)
        }
    }

    @Test("a reconnect sends everything again that was not acknowledged")
    func reconnect() {
        var ledger = Self.ledger(2)
        ledger.disconnected()
        #expect(ledger.tick(at: Self.at(100)).isEmpty)
        #expect(ledger.wakeAt == nil)
        #expect(ledger.connected(at: Self.at(101)) == [.send(Self.key(1)), .send(Self.key(2))])
    }

    @Test("no more than the window is under way")
    func window() {
        var ledger = Self.ledger(100, connected: false)
        var limits = ledger.limits
        limits.catchUpPerSecond = 0
        ledger.adopt(limits)
        #expect(ledger.connected(at: Self.start).count == 32)
        #expect(ledger.acknowledged(Self.ack(10), at: Self.start).count == 11)
    }

    @Test("room for samples is bounded by count and bytes, room for reports by count")
    func bounds() {
        var limits = SpoolLimits()
        limits.samples = 3
        limits.sampleBytes = 25
        limits.reports = 2
        limits.logBytes = 0
        var ledger = SpoolLedger(limits: limits)
        _ = ledger.add(Self.key(1), bytes: 10, at: Self.start)
        #expect(ledger.room.has(roomFor: .sample(bytes: 15)))
        #expect(!ledger.room.has(roomFor: .sample(bytes: 16)))
        _ = ledger.add(Self.key(2), bytes: 1, at: Self.start)
        _ = ledger.add(Self.key(3), bytes: 1, at: Self.start)
        #expect(!ledger.room.has(roomFor: .sample(bytes: 1)))
        _ = ledger.add(Self.key(1, .report), bytes: 1, at: Self.start)
        #expect(ledger.room.has(roomFor: .report))
        _ = ledger.add(Self.key(2, .report), bytes: 1, at: Self.start)
        #expect(!ledger.room.has(roomFor: .report))
        #expect(ledger.dropOldestReport() == Self.key(1, .report))
        #expect(ledger.room.has(roomFor: .report))
        #expect(ledger.count(.sample) == 3, "samples are never given up for a report")
    }

    @Test("messages of earlier boots are sent under their own names")
    func earlierBoots() {
        var ledger = SpoolLedger(stored: [(Self.key(8, boot: "a"), 5)])
        _ = ledger.add(Self.key(1), bytes: 5, at: Self.start)
        #expect(ledger.connected(at: Self.start) == [.send(Self.key(8, boot: "a")), .send(Self.key(1))])
        #expect(ledger.acknowledged(Self.ack(1), at: Self.start) == [.delete([Self.key(1)])])
        #expect(ledger.acknowledged(Self.ack(8, boot: "a"), at: Self.start) == [.delete([Self.key(8, boot: "a")])])
    }

    @Test("through any loss of messages and acknowledgements everything arrives", arguments: 0..<30)
    func randomNetwork(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var ledger = SpoolLedger()
        var committed: Set<UInt64> = []
        var kept: Set<UInt64> = []
        var now = Self.start
        func apply(_ actions: [SpoolAction]) {
            for action in actions {
                switch action {
                case .send(let key):
                    #expect(kept.contains(key.sequence))
                    if random.next() % 3 != 0 { committed.insert(key.sequence) }
                case .delete(let keys):
                    for key in keys {
                        #expect(committed.contains(key.sequence), "deleted before it was committed")
                        kept.remove(key.sequence)
                    }
                }
            }
        }
        var next: UInt64 = 1
        for step in 0..<3000 {
            now = now.advanced(by: .seconds(Int64(random.next() % 20)))
            switch random.next() % 10 {
            case 0...3 where step < 2000:
                kept.insert(next)
                apply(ledger.add(Self.key(next), bytes: 1, at: now))
                next += 1
            case 4: ledger.disconnected()
            case 5: apply(ledger.connected(at: now))
            case 6, 7:
                guard let highest = committed.max() else { continue }
                let holes = (1...highest).filter { !committed.contains($0) }.map { $0..<$0 + 1 }
                apply(ledger.acknowledged(Self.ack(highest, holes: holes), at: now))
            default: apply(ledger.tick(at: now))
            }
        }
        for _ in 0..<200 where !kept.isEmpty {
            now = now.advanced(by: .minutes(6))
            apply(ledger.connected(at: now))
            guard let highest = committed.max() else { continue }
            let holes = (1...highest).filter { !committed.contains($0) }.map { $0..<$0 + 1 }
            apply(ledger.acknowledged(Self.ack(highest, holes: holes), at: now))
        }
        #expect(kept.isEmpty)
        #expect(ledger.count(.sample) == 0)
    }

    @Test("a backlog goes out at a pace: a full window at once, then so many a second, and the clock says when")
    func pace() {
        var ledger = SpoolLedger()
        for sequence in 0..<100 { _ = ledger.add(Self.key(UInt64(sequence) + 1), bytes: 10, at: Self.start) }
        var limits = ledger.limits
        limits.catchUpPerSecond = 4
        limits.inFlight = 8
        ledger.adopt(limits)
        #expect(ledger.connected(at: Self.start).count == 8)
        #expect(ledger.acknowledged(Self.ack(8), at: Self.start).count == 1, "the pace holds the next ones back")
        #expect(ledger.wakeAt == Instant(milliseconds: 250))
        #expect(ledger.tick(at: Instant(milliseconds: 249)).isEmpty)
        #expect(ledger.tick(at: Instant(milliseconds: 250)) == [.send(Self.key(9))])
        #expect(ledger.tick(at: Self.at(1)).count == 3)
        #expect(ledger.tick(at: Self.at(60)).count >= 4)
    }
}
