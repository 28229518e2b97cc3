import DeviceCore
import FleetModel
import FleetWire
import Foundation
import Glibc
import Testing

@testable import DeviceHost

/// A small disk in memory, mounted for one test.
private final class SmallDisk {
    let path: String

    /// - Parameter size: as mount's option has it.
    init(_ size: String) throws {
        path = FileManager.default.temporaryDirectory.appending(path: "disk-\(UUID().uuidString.prefix(8))").path()
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Self.run("mount", ["-t", "tmpfs", "-o", "size=\(size)", "tmpfs", path])
    }

    deinit {
        try? Self.run("umount", ["-l", path])
        try? FileManager.default.removeItem(atPath: path)
    }

    func remount(_ mode: String) throws { try Self.run("mount", ["-o", "remount,\(mode)", path]) }

    /// Writes until nothing goes any more.
    func fill() throws {
        _ = FileManager.default.createFile(atPath: "\(path)/ballast", contents: nil)
        let handle = try FileHandle(forWritingTo: URL(filePath: "\(path)/ballast"))
        while (try? handle.write(contentsOf: Data(repeating: 1, count: 4096))) != nil {}
        try handle.close()
    }

    func drain() throws { try FileManager.default.removeItem(atPath: "\(path)/ballast") }

    private static func run(_ command: String, _ arguments: [String]) throws {
        let process = try Process.run(URL(filePath: "/usr/bin/env"), arguments: [command] + arguments)
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(command) \(arguments)")
    }
}

private let isRoot = geteuid() == 0

@Suite("A device whose storage, clock or memory fails", .serialized)
struct StorageFaultTests {
    private func settled(folder: String? = nil) throws -> (VirtualBench, Digest) {
        var limits = TestDevice.limits
        limits.diskReserve = 0
        limits.journalRecords = 100
        let bench = try VirtualBench(limits: limits, folder: folder)
        try bench.start()
        let digest = try bench.install(try TestRelease(version: 1, gain: 1), generation: 1)
        try #require(bench.slot?.phase == .committed)
        return (bench, digest)
    }

    private func stop(_ bench: VirtualBench) {
        bench.host?.stop()
        bench.loop.run(milliseconds: 1000)
        bench.drop()
    }

    // MARK: Damage

    @Test("a database whose pages are damaged is set aside; what can be read goes on serving, without a controller")
    func damagedPages() throws {
        let (bench, digest) = try settled()
        bench.loop.disconnect()
        for index in 0..<400 { bench.infer([Float(index % 7), 0, 0, 0]) }
        bench.loop.run(milliseconds: 1000)
        stop(bench)
        let database = bench.folder.appending(path: "device.db")
        var bytes = try Data(contentsOf: database)
        try #require(bytes.count > 60_000)
        // The spool was written last: its pages are at the end.
        bytes.replaceSubrange(bytes.count - 30_000..<bytes.count - 2000, with: Data(repeating: 0x5A, count: 28_000))
        try bytes.write(to: database)
        try bench.start()
        #expect(bench.slot?.release == digest)
        #expect(bench.notices.contains { $0.contains("begun anew") && $0.contains("device.db.damaged") })
        #expect(bench.host?.health.storeProblem.contains("begun anew") == true)
        #expect(FileManager.default.fileExists(atPath: database.path() + ".damaged"))
        #expect(throws: Never.self) { try bench.infer([1, 2, 3, 4]).get() }
        // An older counter is refused still.
        var old = try TestRelease(version: 1, gain: 1)
        old.manifest.created = Instant(milliseconds: 1_700_000_000_001)
        _ = try bench.want(old, generation: 2)
        bench.loop.connect()
        bench.loop.run(milliseconds: 5000)
        #expect(bench.slot?.failure == .oldCounter)
        #expect(bench.slot?.release == digest)
    }

    @Test("a file that is no database any more is set aside, and the controller's wish installs everything again")
    func noDatabase() throws {
        let (bench, digest) = try settled()
        stop(bench)
        try Data(repeating: 7, count: 20_000).write(to: bench.folder.appending(path: "device.db"))
        try bench.start()
        #expect(bench.slot == nil)
        bench.loop.connect()
        bench.loop.run(milliseconds: 5000)
        #expect(bench.slot?.release == digest)
    }

    // MARK: Disk

    @Test(
        "on a disk that became read-only the champion serves, also after a restart, and the reason is told",
        .enabled(if: isRoot))
    func readOnly() throws {
        let disk = try SmallDisk("8m")
        let (bench, digest) = try settled(folder: "\(disk.path)/state")
        stop(bench)
        try disk.remount("ro")
        try bench.start()
        #expect(bench.slot?.release == digest)
        for _ in 0..<50 { #expect(throws: Never.self) { try bench.infer([1, 2, 3, 4]).get() } }
        #expect(bench.host?.health.isReadOnly == true)
        #expect(bench.notices.contains { $0.contains("the disk is read-only") })
        // A wish cannot be followed, and is not lost for ever.
        let next = try bench.want(try TestRelease(version: 2, gain: 2), generation: 2)
        bench.loop.connect()
        bench.loop.run(milliseconds: 30_000)
        #expect(bench.slot?.release == digest)
        #expect(bench.lastReported?.slots.first?.detail.contains("could not store") == true)
        stop(bench)
        try disk.remount("rw")
        try bench.start()
        bench.loop.connect()
        bench.loop.run(milliseconds: 5000)
        #expect(bench.slot?.release == next)
        bench.drop()
    }

    @Test(
        "on a full disk inference goes on, an update says why it waits, and both heal when there is room",
        .enabled(if: isRoot))
    func full() throws {
        let disk = try SmallDisk("2m")
        let (bench, digest) = try settled(folder: "\(disk.path)/state")
        try disk.fill()
        for _ in 0..<300 {
            #expect(throws: Never.self) { try bench.infer([0.1, 0, 0, 0]).get() }
            bench.loop.run(milliseconds: 1000)
        }
        #expect(bench.notices.contains { $0.contains("disk is full") || $0.contains("full") })
        let next = try bench.want(try TestRelease(version: 2, gain: 2), generation: 2)
        bench.loop.connect()
        bench.loop.run(milliseconds: 3000)
        #expect(bench.slot?.release == digest)
        #expect(bench.lastReported?.slots.first?.detail.isEmpty == false, "a reason is reported")
        try disk.drain()
        bench.loop.run(milliseconds: 1_300_000)
        bench.loop.connect()
        bench.loop.run(milliseconds: 10_000)
        #expect(bench.slot?.release == next)
        bench.drop()
    }

    @Test(
        "on a disk that fills up the log is given up, and a report is stored in its place", .enabled(if: isRoot))
    func fullWithLog() throws {
        let disk = try SmallDisk("2m")
        var limits = TestDevice.limits
        limits.diskReserve = 0
        limits.spool.logBytes = 16 << 10
        let bench = try VirtualBench(limits: limits, folder: "\(disk.path)/state")
        try bench.start()
        _ = try bench.install(try TestRelease(version: 1, gain: 1), generation: 1)
        bench.loop.run(milliseconds: 400_000)
        bench.loop.disconnect()
        for number in 0..<40 {
            // As after weeks: what is written lies where something else lay before.
            if number == 8 { try bench.host?.store.database.recycleWriteAheadLog() }
            for line in 0..<15 {
                bench.host?.note(.problem("\(number)/\(line) " + String(repeating: "x", count: 190)))
            }
            bench.loop.run(milliseconds: 11_000)
        }
        try #require(bench.host?.spooled.log ?? 0 > 3)
        try #require(bench.slot?.phase == .committed)
        let before = bench.reports.values.reduce(0) { $0 + $1.inferences }
        bench.infer([0.1, 0, 0, 0])
        try disk.fill()
        bench.loop.run(milliseconds: 301_000)
        #expect(try #require(bench.host?.spooled.log) <= 1, "only that the disk was full")
        #expect(try #require(bench.host?.health.spool.logLinesDropped) >= 600)
        #expect(bench.notices.contains { $0.contains("0 reports and samples are lost") })
        try disk.drain()
        bench.loop.connect()
        bench.loop.run(milliseconds: 10_000)
        #expect(bench.reports.values.reduce(0) { $0 + $1.inferences } == before + 1)
        bench.drop()
    }

    @Test(
        "a report window that cannot be closed is tried once a minute, and what it counted comes in the end",
        arguments: [2, 288])
    func windowKept(reports: Int) throws {
        var limits = TestDevice.limits
        limits.diskReserve = 0
        limits.spool.reports = reports
        limits.spool.logBytes = 0
        let bench = try VirtualBench(limits: limits)
        try bench.start()
        _ = try bench.install(try TestRelease(version: 1, gain: 1), generation: 1)
        bench.loop.run(milliseconds: 301_000)
        bench.loop.disconnect()
        for _ in 0..<2 {
            bench.infer([0.1, 0, 0, 0])
            bench.loop.run(milliseconds: 301_000)
        }
        // Where no more fit, the next one needs two of them made one.
        try #require(bench.host?.spooled.reports == 2)
        bench.infer([0.1, 0, 0, 0])
        try bench.refuseStores(true)
        let before = bench.notices.count
        bench.loop.run(milliseconds: 900_000)
        #expect(!bench.loop.hasSpun)
        #expect((10...11).contains(bench.notices.count - before))
        try bench.refuseStores(false)
        bench.loop.run(milliseconds: 61_000)
        bench.loop.connect()
        bench.loop.run(milliseconds: 10_000)
        #expect(bench.reports.values.reduce(0) { $0 + $1.inferences } == 13)
        bench.drop()
    }

    // MARK: Clock and memory

    @Test(
        "a clock that jumps years ahead and back stops neither inference nor reports, and a restart believes it again")
    func clockJumps() throws {
        let (bench, digest) = try settled()
        let years = Int64(3 * 365) * 86_400_000
        for jump in [years, -years, -86_400_000, 0] {
            bench.loop.time.jump = jump
            for _ in 0..<5 {
                #expect(throws: Never.self) { try bench.infer([1, 2, 3, 4]).get() }
                bench.loop.run(milliseconds: 301_000)
            }
        }
        #expect(bench.reports.values.allSatisfy { $0.end >= $0.start })
        #expect(bench.reports.values.reduce(0) { $0 + $1.inferences } == 30)
        // Ahead it stayed: time never goes back while it runs.
        let ahead = try #require(bench.host?.now())
        #expect(ahead.milliseconds > BenchLoop.Clock.beginning + years)
        stop(bench)
        try bench.start()
        #expect(try #require(bench.host?.now()) < ahead)
        #expect(bench.slot?.release == digest)
    }

    @Test("a model that there is no memory for is refused with the reason, before it can end the process")
    func memory() throws {
        let (bench, digest) = try settled()
        bench.availableMemory = 100
        let two = try TestRelease(version: 2, gain: 2)
        _ = try bench.want(two, generation: 2)
        bench.loop.connect()
        bench.loop.run(milliseconds: 5000)
        #expect(bench.slot?.phase == .failed)
        #expect(bench.slot?.detail.contains("of memory available") == true)
        #expect(bench.slot?.release == digest)
    }

    @Test("the journal is a ring: it keeps the last, survives a restart, and passes over what was torn")
    func journal() throws {
        let (bench, digest) = try settled()
        for index in 0..<250 { bench.infer([Float(index), 0, 0, 0]) }
        #expect(throws: DeviceError.self) { try bench.infer([.nan, 0, 0, 0]).get() }
        var entries = try #require(try bench.host?.journal(last: 1000))
        #expect(entries.count == 100)
        #expect(entries.map(\.number) == (162...261).reversed().map(UInt64.init))
        #expect(entries[0].outcome == .badFrame)
        #expect(entries[1].release == digest && entries[1].outcome == .answered)
        let hash = [Float(249), 0, 0, 0].withUnsafeBufferPointer { JournalEntry.hash($0) }
        #expect(try bench.host?.journal(last: 10, input: hash).map(\.number) == [260])
        stop(bench)
        let path = bench.folder.appending(path: "journal")
        var bytes = try Data(contentsOf: path)
        #expect(bytes.count == 100 * JournalEntry.bytes)
        bytes[3 * JournalEntry.bytes + 70] ^= 1
        try bytes.write(to: path)
        try bench.start()
        bench.infer([5, 0, 0, 0])
        entries = try #require(try bench.host?.journal(last: 1000))
        #expect(entries.count == 99)
        #expect(entries.first?.number == 262)
        // A journal of another size begins anew.
        var limits = bench.limits
        limits.journalRecords = 10
        bench.host?.adopt(limits)
        for _ in 0..<30 { bench.infer([5, 0, 0, 0]) }
        #expect(try bench.host?.journal(last: 1000).count == 10)
    }
}
