import DeviceCore
import FleetModel
import FleetWire
import Testing

/// Who has room in the spool, and what goes first.
@Suite("The spool's room")
struct SpoolRoomTests {
    private static func room(
        reports: SpoolShare = .init(), samples: SpoolShare = .init(), log: SpoolShare = .init(), quota: Int = 1000
    ) -> SpoolRoom {
        var limits = SpoolLimits()
        (limits.reports, limits.samples, limits.sampleBytes, limits.logBytes) = (4, 5, 2000, quota)
        var room = SpoolRoom(limits: limits)
        (room.shares.report, room.shares.sample, room.shares.log) = (reports, samples, log)
        return room
    }

    @Test("within its own quota a class has room whatever the others hold")
    func quotas() {
        let full = Self.room(
            reports: .init(count: 3, bytes: 900), samples: .init(count: 4, bytes: 1900),
            log: .init(count: 9, bytes: 1000))
        #expect(full.has(roomFor: .report))
        #expect(full.has(roomFor: .sample(bytes: 100)))
        #expect(!full.has(roomFor: .log(bytes: 1)))
        #expect(full.logInTheWay(of: .report) == 0 && full.logBeyond == 0)
        #expect(full.logInTheWay(of: .log(bytes: 1)) == 1, "its own oldest make room for the log")
        #expect(full.logInTheWay(of: .log(bytes: 1001)) == nil)
    }

    @Test("beyond their quotas reports and samples take the log's, and just as much of the log must go")
    func reserve() {
        let reports = SpoolShare(count: 4, bytes: 1200)
        let room = Self.room(reports: reports, log: .init(count: 8, bytes: 800))
        #expect(!room.has(roomFor: .report), "the mean report has 300 bytes, 200 are free")
        #expect(room.logInTheWay(of: .report) == 100)
        #expect(Self.room(reports: reports, log: .init(count: 7, bytes: 700)).has(roomFor: .report))
        let sample = SpoolNeed.sample(bytes: 500)
        let samples = Self.room(samples: .init(count: 3, bytes: 1900), log: .init(count: 8, bytes: 800))
        #expect(!samples.has(roomFor: sample))
        #expect(samples.logInTheWay(of: sample) == 200, "100 of its own, 200 that are free, 200 of the log")
    }

    @Test("what reports and samples took is the log's again once they are gone, and no byte is given twice")
    func shared() {
        let both = Self.room(
            reports: .init(count: 6, bytes: 1800), samples: .init(count: 3, bytes: 2300),
            log: .init(count: 1, bytes: 50))
        #expect(both.has(roomFor: .log(bytes: 50)))
        #expect(!both.has(roomFor: .log(bytes: 51)))
        #expect(both.logInTheWay(of: .report) == nil, "300 more than the 100 that a log could give")
        #expect(both.logInTheWay(of: .sample(bytes: 100)) == 50)
        #expect(Self.room(log: .init(count: 1, bytes: 50)).has(roomFor: .log(bytes: 950)))
    }

    @Test("too many samples are too many, however small the log is")
    func sampleCount() {
        let room = Self.room(samples: .init(count: 5, bytes: 5))
        #expect(!room.has(roomFor: .sample(bytes: 1)))
        #expect(room.logInTheWay(of: .sample(bytes: 1)) == nil)
    }

    @Test("without a quota there is no log and no reserve, and what was there goes")
    func noLog() {
        let room = Self.room(
            reports: .init(count: 4, bytes: 400), samples: .init(count: 1, bytes: 2000),
            log: .init(count: 2, bytes: 70),
            quota: 0)
        #expect(room.logBeyond == 70)
        for need in [SpoolNeed.report, .sample(bytes: 1), .log(bytes: 1)] {
            #expect(!room.has(roomFor: need) && room.logInTheWay(of: need) == nil)
        }
    }
}

@Suite("The log in the spool's ledger")
struct LogLedgerTests {
    private static let start = Instant(milliseconds: 0)
    private static func key(_ stream: StreamKind, _ sequence: UInt64) -> SpoolKey {
        SpoolKey(stream: stream, boot: "b", sequence: sequence)
    }

    private static func ledger(reports: UInt64, log: UInt64, _ adapt: (inout SpoolLimits) -> Void) -> SpoolLedger {
        var limits = SpoolLimits()
        adapt(&limits)
        var ledger = SpoolLedger(limits: limits)
        for sequence in 0..<log { _ = ledger.add(key(.log, sequence + 1), bytes: 100, at: start) }
        for sequence in 0..<reports { _ = ledger.add(key(.report, sequence + 1), bytes: 100, at: start) }
        return ledger
    }

    @Test("the oldest of the log are named until they hold what is asked for")
    func oldest() {
        let ledger = Self.ledger(reports: 1, log: 5) { _ in }
        #expect(ledger.oldestOfLog(holding: 0).isEmpty)
        #expect(ledger.oldestOfLog(holding: 101).map(\.key) == [Self.key(.log, 1), Self.key(.log, 2)])
        #expect(
            ledger.oldestOfLog(holding: 150, without: [Self.key(.log, 1)]).map(\.key)
                == [Self.key(.log, 2), Self.key(.log, 3)])
        #expect(ledger.oldestOfLog(holding: .max).count == 5)
    }

    @Test("catching up sends the log last, and it leaves half a window of the pace to the others")
    func last() {
        var ledger = Self.ledger(reports: 6, log: 3) {
            $0.inFlight = 8
            $0.catchUpPerSecond = 1
        }
        #expect(ledger.connected(at: Self.start) == (1...6).map { .send(Self.key(.report, $0)) })
        // Two are left of eight, and four are kept for the others: three more seconds.
        #expect(ledger.wakeAt == Instant(milliseconds: 3000))
        #expect(ledger.tick(at: Instant(milliseconds: 2999)).isEmpty)
        #expect(ledger.tick(at: Instant(milliseconds: 3000)) == [.send(Self.key(.log, 1))])
        #expect(ledger.add(Self.key(.report, 7), bytes: 1, at: Instant(milliseconds: 3000)).count == 1, "no wait")
        // What came meanwhile goes before the log, even if the log's turn comes.
        #expect(ledger.add(Self.key(.log, 4), bytes: 1, at: Instant(milliseconds: 3001)).isEmpty)
    }

    @Test("of a log that nobody acknowledges little is under way")
    func window() {
        var ledger = Self.ledger(reports: 0, log: 40) { $0.catchUpPerSecond = 0 }
        #expect(ledger.connected(at: Self.start).count == 4)
        let ack = Ack(boot: "b", streams: [StreamAck(stream: .log, highest: 2, holes: [])])
        #expect(
            ledger.acknowledged(ack, at: Self.start)
                == [
                    .delete([Self.key(.log, 1), Self.key(.log, 2)]), .send(Self.key(.log, 5)), .send(Self.key(.log, 6)),
                ])
    }
}
