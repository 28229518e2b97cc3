import DeviceCore
import FleetModel
import FleetWire
import Testing

@testable import DeviceHost

/// What the agent says reaches the controller, and makes room for all else.
@Suite("A device's log", .serialized)
struct DeviceLogTests {
    private static func limits(_ adapt: (inout SpoolLimits) -> Void = { _ in }) -> DeviceLimits {
        var limits = TestDevice.limits
        adapt(&limits.spool)
        return limits
    }

    private static func texts(_ bench: VirtualBench) -> [String] { lines(bench).map(\.text) }

    private static func lines(_ bench: VirtualBench) -> [LogLine] {
        bench.logs.values.sorted { ($0.boot, $0.sequence) < ($1.boot, $1.sequence) }.flatMap(\.lines)
    }

    /// Says things that are all different until a message of them has been closed.
    private func fill(_ bench: VirtualBench, messages: Int) {
        for number in 0..<messages {
            for line in 0..<15 {
                bench.host?.note(.problem("\(number)/\(line) " + String(repeating: "x", count: 190)))
            }
            bench.loop.run(milliseconds: 11_000)
        }
    }

    private func restart(_ bench: VirtualBench) throws {
        bench.host?.stop()
        bench.loop.run(milliseconds: 1000)
        bench.drop()
        try bench.start()
    }

    // MARK: What it holds

    @Test("problems, failed installations and lost connections become lines; what is said again is counted")
    func lines() throws {
        let bench = try VirtualBench(limits: Self.limits())
        try bench.start()
        _ = try bench.install(try TestRelease(version: 1, gain: 1), generation: 1)
        bench.loop.disconnect()
        for _ in 0..<7 { bench.host?.note(.problem("the lamp is broken")) }
        bench.loop.connect()
        bench.availableMemory = 100
        _ = try bench.want(try TestRelease(version: 2, gain: 2), generation: 2)
        bench.loop.connect()
        bench.loop.run(milliseconds: 100_000)
        #expect(bench.logs.isEmpty, "lines gather for as long as reports do")
        bench.loop.run(milliseconds: 300_000)
        #expect(bench.logs.count == 1)
        let found = Self.lines(bench)
        #expect(found.prefix(2).map(\.text) == ["disconnected: cut", "the lamp is broken"])
        #expect(found.prefix(2).map(\.severity) == [.notice, .problem])
        #expect(found.prefix(2).map(\.count) == [1, 7])
        #expect(found.contains { $0.severity == .problem && $0.text.contains("of memory available") })
        #expect(!found.contains { $0.text.contains("connected to the broker") || $0.text.contains("acknowledged") })
        #expect(bench.host?.spooled.log == 0)
    }

    @Test("what was not sent survives a restart and comes under its own name; what was gathered is closed at the stop")
    func restart() throws {
        let bench = try VirtualBench(limits: Self.limits())
        try bench.start()
        let boot = try #require(bench.host?.boot)
        bench.host?.note(.problem("first"))
        bench.loop.run(milliseconds: 400_000)
        #expect(bench.host?.spooled.log == 1)
        bench.host?.note(.problem("second"))
        try restart(bench)
        #expect(bench.host?.spooled.log == 2)
        bench.loop.connect()
        bench.loop.run(milliseconds: 10_000)
        #expect(bench.logs["\(boot)/1"]?.lines.map(\.text) == ["first"])
        #expect(bench.logs["\(boot)/2"]?.lines.map(\.text) == ["second"])
        #expect(bench.host?.spooled.log == 0)
    }

    @Test("without an acknowledgement the same bytes come again under the same name, few at a time")
    func resends() throws {
        let bench = try VirtualBench(limits: Self.limits())
        try bench.start()
        bench.acknowledges = false
        bench.loop.connect()
        fill(bench, messages: 10)
        bench.loop.run(milliseconds: 60_000)
        #expect(bench.logs.count == 4, "a window of four")
        #expect(bench.duplicates > 4)
        bench.acknowledges = true
        bench.loop.run(milliseconds: 900_000)
        #expect(bench.host?.spooled.log == 0)
        #expect(Set(Self.texts(bench)).count == 150)
    }

    @Test("the quota holds, the oldest messages go, and what is gone is told once")
    func quota() throws {
        let bench = try VirtualBench(limits: Self.limits { $0.logBytes = 10 << 10 })
        try bench.start()
        for round in 0..<3 {
            fill(bench, messages: 10)
            #expect(try #require(bench.host).spooler.room.shares.log.bytes <= 10 << 10)
            if round == 1 { try restart(bench) }
        }
        let given = try #require(bench.host?.health.spool.logLinesDropped)
        #expect(given > 100)
        bench.loop.connect()
        bench.loop.run(milliseconds: 400_000)
        let told = bench.logs.values.reduce(0) { $0 + $1.dropped }
        #expect(told + UInt64(Self.lines(bench).count) == 3 * 150, "every line came or is said to be gone")
        #expect(Self.texts(bench).last?.hasPrefix("9/14 ") == true, "the youngest came")
    }

    @Test("without a quota nothing is kept or sent, and what was kept before goes")
    func none() throws {
        let bench = try VirtualBench(limits: Self.limits())
        try bench.start()
        fill(bench, messages: 3)
        #expect(bench.host?.spooled.log == 3)
        bench.host?.adopt(Self.limits { $0.logBytes = 0 })
        bench.loop.run(milliseconds: 1000)
        #expect(bench.host?.spooled.log == 0)
        fill(bench, messages: 3)
        bench.loop.connect()
        bench.loop.run(milliseconds: 900_000)
        #expect(bench.logs.isEmpty)
        // The same if it is found at a start.
        bench.host?.adopt(Self.limits())
        bench.loop.disconnect()
        fill(bench, messages: 3)
        bench.limits.spool.logBytes = 0
        try restart(bench)
        bench.loop.run(milliseconds: 1000)
        #expect(bench.host?.spooled.log == 0)
    }

    // MARK: What goes first

    @Test("weeks offline fill every class: the log goes first, then resolution, then samples, and no inference is lost")
    func order() throws {
        let bench = try VirtualBench(
            limits: Self.limits {
                ($0.reports, $0.sampleBytes, $0.logBytes) = (6, 40_000, 8 << 10)
            })
        try bench.start()
        _ = try bench.install(try TestRelease(version: 1, gain: 1), generation: 1)
        bench.loop.run(milliseconds: 700_000)
        let before = bench.reports.values.reduce(0) { $0 + $1.inferences }
        bench.loop.disconnect()
        fill(bench, messages: 2)
        #expect(bench.host?.spooled.log == 2)
        var inferences: UInt64 = 0
        var stages: [String] = []
        for round in 0..<3000 {
            bench.infer([Float(round % 5) - 2, 0.1, 0, 0])
            inferences += 1
            bench.loop.run(milliseconds: 300_500)
            let host = try #require(bench.host)
            func reached(_ stage: String, _ isReached: Bool) {
                if isReached, !stages.contains(stage) { stages.append(stage) }
            }
            reached("log", host.health.spool.logLinesDropped > 0)
            reached("merged", host.health.spool.reportsMerged > 0)
            reached("samples", host.health.spool.samplesDropped > 0)
            if stages.contains("merged") { #expect(host.spooled.log == 0, "the log was given up before") }
        }
        #expect(stages == ["log", "merged", "samples"])
        #expect(bench.host?.health.spool.reportsDropped == 0)
        bench.loop.connect()
        bench.loop.run(milliseconds: 900_000)
        #expect(try #require(bench.host).spooled == (0, 0, 0))
        #expect(bench.reports.values.reduce(0) { $0 + $1.inferences } - before == inferences)
        #expect(bench.lastReported?.slots.first?.receipts.count == 1, "never a receipt")
        #expect(bench.logs.values.reduce(0) { $0 + $1.dropped } >= 20, "what was given up is said")
    }

    @Test("reports and samples that wait go before a log that waits longer")
    func paced() throws {
        let bench = try VirtualBench(
            limits: Self.limits {
                $0.catchUpPerSecond = 2
                $0.inFlight = 8
            })
        try bench.start()
        _ = try bench.install(try TestRelease(version: 1, gain: 1), generation: 1)
        bench.loop.run(milliseconds: 700_000)
        bench.loop.disconnect()
        fill(bench, messages: 5)
        for _ in 0..<400 {
            bench.infer([0.1, 0, 0, 0])
            bench.loop.run(milliseconds: 1000)
        }
        let waiting = try #require(bench.host?.spooled)
        #expect(waiting.log == 5 && waiting.samples > 20)
        let known = bench.samples.count
        bench.loop.connect()
        while bench.logs.isEmpty, bench.loop.milliseconds < 5_000_000 { bench.loop.run(milliseconds: 100) }
        #expect(bench.samples.count - known == waiting.samples)
        bench.loop.run(milliseconds: 400_000)
        #expect(try #require(bench.host).spooled == (0, 0, 0))
    }
}
