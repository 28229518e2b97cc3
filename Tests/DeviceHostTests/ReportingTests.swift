import FleetModel
import FleetWire
import Testing

@testable import DeviceHost

@Suite("What a device reports of its slots", .serialized)
struct ReportingTests {
    @Test("an installation makes a few messages, however many phases and tenths it has; the last one has the receipt")
    func installation() throws {
        let bench = try VirtualBench()
        try bench.start()
        _ = try bench.install(try TestRelease(version: 1, gain: 1), generation: 1)
        bench.loop.run(milliseconds: DeviceLimits.reportPause.milliseconds)
        let last = try #require(bench.reported.last?.document.slots.first)
        #expect(last.phase == .committed && last.receipts.count == 1)
        #expect(bench.reported.count <= 5)
        // At a connect it is told at once, whatever was told before.
        for (earlier, later) in zip(bench.reported.dropFirst(), bench.reported.dropFirst(2)) {
            #expect(later.time - earlier.time >= DeviceLimits.reportPause.milliseconds)
        }
    }

    @Test("a change after a quiet while is told at once")
    func lone() throws {
        let bench = try VirtualBench()
        try bench.start()
        _ = try bench.install(try TestRelease(version: 1, gain: 1), generation: 1)
        bench.loop.run(milliseconds: 60_000)
        let before = bench.reported.count
        let start = bench.loop.milliseconds
        _ = try bench.want(try TestRelease(version: 1, gain: 1), generation: 2)
        bench.loop.run(milliseconds: 10)
        #expect(bench.reported.count == before + 1)
        #expect((bench.reported.last?.time ?? 0) - start <= 10)
        #expect(bench.reported.last?.document.observedGeneration == 2)
    }
}
