import DeviceCore
import FleetModel
import FleetWire
import Testing

@Suite("Lines of a log that gather")
struct LogGatheringTests {
    private static func at(_ seconds: Int64) -> Instant { Instant(milliseconds: seconds * 1000) }
    private static func line(_ text: String, _ seconds: Int64 = 0) -> LogLine {
        LogLine(time: at(seconds), severity: .problem, saying: text)
    }

    @Test("what is said again is counted, with the time at which it was said first")
    func repeats() {
        var log = LogGathering(quota: 1 << 16)
        for second in 1...5 as ClosedRange<Int64> { #expect(log.add(Self.line("cut", second)) == 0) }
        _ = log.add(Self.line("full", 6))
        _ = log.add(LogLine(time: Self.at(7), severity: .notice, saying: "cut"))
        #expect(log.lines.map(\.text) == ["cut", "full", "cut"])
        #expect(log.lines.map(\.count) == [5, 1, 1])
        #expect(log.lines.first?.time == Self.at(1))
    }

    @Test("they are closed after the interval, sooner if they are full, and never one message after the other")
    func due() {
        var log = LogGathering(quota: 1 << 16)
        #expect(log.dueAt(.minutes(5)) == nil)
        _ = log.add(Self.line("first", 10))
        #expect(log.dueAt(.minutes(5)) == Self.at(310))
        for number in 0..<50 { _ = log.add(Self.line("line \(number)", 11)) }
        #expect(log.dueAt(.minutes(5)) == Self.at(10), "it is full")
        log.closed(at: Self.at(12))
        #expect(log.lines.isEmpty && log.dueAt(.minutes(5)) == nil)
        for number in 0..<50 { _ = log.add(Self.line("line \(number)", 13)) }
        #expect(log.dueAt(.minutes(5)) == Self.at(12).advanced(by: LogGathering.pause))
        log.hold(until: Self.at(500))
        #expect(log.dueAt(.minutes(5)) == Self.at(500))
    }

    @Test("a flood keeps the youngest lines, counts the others, and fits its message", arguments: [1 << 10, 1 << 16])
    func flood(quota: Int) throws {
        var log = LogGathering(quota: quota)
        var dropped: UInt64 = 0
        for number in 0..<1000 {
            dropped += log.add(Self.line("line \(number) " + String(repeating: "x", count: number % 300)))
        }
        #expect(dropped + UInt64(log.lines.count) == 1000)
        #expect(log.lines.last?.text.hasPrefix("line 999 ") == true)
        let message = DeviceLog(
            boot: String(repeating: "b", count: 16), sequence: WireLimits.integer, dropped: dropped, lines: log.lines)
        #expect(message.encoded().count <= log.bytes)
        #expect(log.bytes <= min(quota, LogGathering.messageBytes))
        #expect(try DeviceLog(decoding: message.encoded()) == message)
        let left = UInt64(log.lines.count)
        #expect(log.adopt(quota: 0) == left && log.lines.isEmpty)
        #expect(log.add(Self.line("more")) == 1, "without a quota nothing stays")
    }

    @Test("lines that were given up are told once, by what became durable")
    func loss() {
        func message(_ dropped: UInt64, lines: UInt64) -> DeviceLog {
            DeviceLog(
                boot: "b", sequence: 1, dropped: dropped,
                lines: [LogLine(time: .epoch, severity: .notice, count: lines, saying: "x")])
        }
        var loss = LogLoss()
        loss.lost(3)
        #expect(loss.toTell == 3 && loss.total == 3)
        // One message makes room for the next, which tells of both losses.
        loss.gaveUp(message(2, lines: 10))
        #expect(loss.toTell == 15)
        loss.wrote(message(15, lines: 4))
        #expect(loss.toTell == 0 && loss.total == 3)
        var undone = loss
        loss.committed()
        #expect(loss.toTell == 0 && loss.total == 13, "two of them were lost before this start")
        undone.rolledBack()
        #expect(undone.toTell == 7 && undone.total == 7, "the old message is there again, the new one is lost")
    }
}
