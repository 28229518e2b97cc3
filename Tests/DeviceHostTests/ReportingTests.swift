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
        let last = try #require(bench.reported.last?.document.slots.first)
        #expect(last.phase == .committed && last.receipts.count == 1)
        #expect(bench.reported.count <= 5)
        // What comes first is told at once, and how it ended.
        for (earlier, later) in zip(bench.reported.dropFirst(), bench.reported.dropFirst(2).dropLast()) {
            #expect(later.time - earlier.time >= DeviceLimits.reportPause.milliseconds)
        }
    }

    /// It runs a release, and has had nothing to tell for a minute.
    private func quietDevice() throws -> (VirtualBench, Digest) {
        let bench = try VirtualBench()
        try bench.start()
        let digest = try bench.install(try TestRelease(version: 1, gain: 1), generation: 1)
        bench.loop.run(milliseconds: 60_000)
        return (bench, digest)
    }

    @Test("a change after a quiet while is told at once, and the next one within the pause")
    func lone() throws {
        let (bench, digest) = try quietDevice()
        let before = bench.reported.count
        bench.wish(digest, generation: 2)
        bench.loop.run(milliseconds: 10)
        #expect(bench.reported.count == before + 1)
        #expect(bench.lastReported?.observedGeneration == 2)
        bench.wish(digest, generation: 3)
        bench.loop.run(milliseconds: DeviceLimits.reportPause.milliseconds - 100)
        #expect(bench.reported.count == before + 1)
        bench.loop.run(milliseconds: 100)
        #expect(bench.lastReported?.observedGeneration == 3)
    }

    @Test("what waits to be told is told before a goodbye")
    func goodbye() throws {
        let (bench, digest) = try quietDevice()
        bench.wish(digest, generation: 2)
        bench.loop.run(milliseconds: 10)
        bench.wish(digest, generation: 3)
        bench.loop.run(milliseconds: 10)
        #expect(bench.lastReported?.observedGeneration == 2)
        bench.host?.stop()
        bench.loop.run(milliseconds: 100)
        #expect(bench.lastReported?.observedGeneration == 3)
    }
}
