import DeviceCore
import FleetModel
import FleetWire
import Sketches
import Testing

@testable import DeviceHost

@Suite("A device without its controller", .serialized)
struct OfflineTests {
    private static func limits(_ adapt: (inout DeviceLimits) -> Void) -> DeviceLimits {
        var limits = TestDevice.limits
        limits.spool.reports = 20
        limits.spool.sampleBytes = 40_000
        limits.spool.logBytes = 0
        limits.spool.catchUpPerSecond = 20
        adapt(&limits)
        return limits
    }

    @Test("three weeks offline with a restart: no inference is uncounted, nothing counts twice, and the bounds hold")
    func weeks() throws {
        let bench = try VirtualBench(limits: Self.limits { _ in })
        try bench.start()
        let digest = try bench.install(try TestRelease(version: 1, gain: 1), generation: 1)
        #expect(bench.slot?.phase == .committed)
        bench.loop.run(milliseconds: 400_000)
        let before = bench.reports.values.reduce(0) { $0 + $1.inferences }
        #expect(before == 10)
        bench.loop.disconnect()
        var random = SeededGenerator(seed: 1)
        var inferences: UInt64 = 0
        for round in 0..<(21 * 24 * 60 / 15) {
            bench.infer((0..<4).map { _ in Float(random.chance() * 4 - 1) })
            inferences += 1
            bench.loop.run(milliseconds: 900_000)
            let spooled = try #require(bench.host?.spooled)
            #expect(spooled.reports <= 20)
            if round == 1000 {
                bench.host?.stop()
                bench.loop.run(milliseconds: 1000)
                bench.drop()
                try bench.start()
                #expect(bench.slot?.release == digest)
            }
        }
        let health = try #require(bench.host?.health)
        #expect(health.spool.reportsMerged > 500)
        #expect(health.spool.reportsDropped == 0)
        #expect(health.spool.samplesDropped > 20)
        bench.loop.connect()
        bench.loop.run(milliseconds: 900_000)
        #expect(bench.host?.spooled.reports == 0)
        #expect(bench.host?.spooled.samples == 0)
        #expect(bench.duplicates == 0)
        #expect(bench.reports.values.reduce(0) { $0 + $1.inferences } - before == inferences)
        #expect(bench.reports.values.allSatisfy { $0.predictions.reduce(0, +) == $0.inferences })
        #expect(bench.reports.values.reduce(0) { $0 + $1.samplesDropped } >= health.spool.samplesDropped)
        // The receipt of the release is still there.
        #expect(bench.lastReported?.slots.first?.receipts.count == 1)
        // What was never paced would have come at once.
        #expect(bench.arrivals.values.allSatisfy { $0 <= bench.limits.spool.inFlight + 21 })
    }

    @Test("catching up takes its time: so many messages a second, whatever waits")
    func pace() throws {
        let bench = try VirtualBench(
            limits: Self.limits { limits in
                limits.spool.catchUpPerSecond = 2
                limits.spool.inFlight = 8
            })
        try bench.start()
        _ = try bench.install(try TestRelease(version: 1, gain: 1), generation: 1)
        bench.loop.run(milliseconds: 400_000)
        bench.loop.disconnect()
        for _ in 0..<800 {
            bench.infer([0.1, 0, 0, 0])
            bench.loop.run(milliseconds: 1000)
        }
        let waiting = try #require(bench.host?.spooled.samples)
        #expect(waiting > 100)
        let start = bench.loop.milliseconds / 1000
        bench.loop.connect()
        bench.loop.run(milliseconds: 30_000)
        let sent = bench.arrivals.filter { $0.key >= start }.values.reduce(0, +)
        #expect((50...70).contains(sent), "8 at once and 2 a second for 30 s, not \(sent)")
        bench.loop.run(milliseconds: 300_000)
        #expect(bench.host?.spooled.samples == 0)
    }

    @Test("what may have been sent is never merged: an acknowledgement that was lost does not make it count twice")
    func sentStays() throws {
        let bench = try VirtualBench(limits: Self.limits { $0.spool.reports = 4 })
        try bench.start()
        _ = try bench.install(try TestRelease(version: 1, gain: 1), generation: 1)
        bench.loop.run(milliseconds: 400_000)
        bench.acknowledges = false
        var inferences: UInt64 = 10
        for _ in 0..<6 {
            bench.infer([1, 0, 0, 0])
            inferences += 1
            bench.loop.run(milliseconds: 301_000)
        }
        // Committed by the controller, every acknowledgement lost; then offline, and the agent killed.
        bench.loop.disconnect()
        for round in 0..<20 {
            bench.infer([1, 0, 0, 0])
            inferences += 1
            bench.loop.run(milliseconds: 301_000)
            if round == 10 {
                bench.host?.stop()
                bench.loop.run(milliseconds: 1000)
                bench.drop()
                try bench.start()
            }
        }
        bench.acknowledges = true
        bench.loop.connect()
        bench.loop.run(milliseconds: 3_600_000)
        let counted = bench.reports.values.reduce(0) { $0 + $1.inferences }
        let dropped = bench.reports.values.reduce(0) { $0 + $1.reportsDropped }
        #expect(counted <= inferences, "nothing counts twice")
        #expect(counted == inferences || dropped > 0, "what is missing is said to be")
        #expect(bench.host?.spooled.reports == 0)
    }

    @Test("merging reports adds them up, and refuses two releases")
    func merging() throws {
        let one = try TestRelease(version: 1, gain: 1)
        func report(_ sequence: UInt64, _ start: Int64, _ end: Int64, release: UInt8 = 1) -> Report {
            let part = one.manifest.parts[0]
            var window = ReportWindow(
                slot: .main, release: Digest(Array(repeating: release, count: 32))!, part: part,
                start: Instant(milliseconds: start))
            [Float(1), 0, 0, 0].withUnsafeBufferPointer { frame in
                window.add(frame: frame, judgement: Judgement(scores: [0.9, 0.1])!, latency: Int(sequence))
            }
            return window.close(
                boot: "b", sequence: sequence, reportsDropped: sequence, at: Instant(milliseconds: end))!
        }
        let reports = [report(1, 0, 100), report(2, 100, 110), report(3, 110, 130), report(4, 130, 131, release: 2)]
        let pair = try #require(Report.pairToMerge(reports))
        #expect(pair == (1, 2))
        let sum = try #require(reports[1].merged(into: reports[2]))
        #expect(sum.sequence == 3)
        #expect((sum.start.milliseconds, sum.end.milliseconds) == (100, 130))
        #expect(sum.inferences == 2 && sum.predictions == [2, 0] && sum.reportsDropped == 5)
        #expect(sum.confidence.count == 2 && sum.features[0].total == 4)
        #expect(reports[2].merged(into: reports[3]) == nil)
        #expect(Report.pairToMerge([reports[0], reports[3]]) == nil)
        #expect(try Report(decoding: sum.encoded()) == sum)
    }

    @Test("thinning keeps estimates unbiased: the weights of what is left stand for what is gone")
    func thinning() {
        var random = SeededGenerator(seed: 4)
        var truth = 0.0
        var estimate = 0.0
        for _ in 0..<200_000 {
            let top = Float(0.5 + random.chance() / 2)
            let value = Double(top)
            truth += value
            guard random.chance() < 0.5 else { continue }
            let keep = SampleThinning.keepProbability(scores: [top, 1 - top], probability: 0.5)
            #expect((0.25...0.75).contains(keep))
            if random.chance() < keep { estimate += value / (0.5 * keep) }
        }
        #expect(abs(estimate / truth - 1) < 0.02)
        #expect(
            SampleThinning.keepProbability(scores: [1, 0], probability: 1 / 1024) == 1, "its weight is the largest")
    }

    @Test("roles that expired while the device was off still keep an older document out (rollback)")
    func expiredRoles() throws {
        let bench = try VirtualBench(limits: Self.limits { _ in })
        try bench.start()
        let now = try #require(bench.host?.now())
        func document(_ number: UInt64, lasting: Interval) throws -> [UInt8] {
            let roles = TrustRoles(
                number: number, expires: now.advanced(by: lasting),
                releaseKeys: bench.trust.people.map { TestTrust.trusted($0, "somebody") }, threshold: 2)
            return try TestTrust.sign(roles.encoded(), .roles, by: [bench.trust.root])
        }
        bench.loop.retain(.roles, try document(2, lasting: .minutes(60)))
        bench.loop.connect()
        bench.loop.run(milliseconds: 1000)
        #expect(bench.host?.roles?.number == 2)
        bench.loop.run(milliseconds: 7_200_000)
        bench.host?.stop()
        bench.loop.run(milliseconds: 1000)
        bench.drop()
        bench.loop.retain(.roles, try document(1, lasting: .days(300)))
        try bench.start()
        bench.loop.connect()
        bench.loop.run(milliseconds: 1000)
        #expect(bench.host?.roles?.number == 2)
        #expect(bench.notices.contains { $0.contains("held is 2") })
    }
}
