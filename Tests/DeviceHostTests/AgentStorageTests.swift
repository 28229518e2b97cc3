import DeviceCore
import FleetCrypto
import FleetModel
import Foundation
import Testing

@testable import DeviceHost

/// The agent's slot in virtual time, on a disk that takes neither its state nor its record.
@Suite("The agent's slot on a full disk")
struct AgentStorageTests {
    private static let image = [UInt8](repeating: 7, count: 5000)
    private static let digest = SHA256.hash(image)

    /// A device with the installed program that has a new one on its way.
    private func bench(_ disk: FailingDisk, _ program: StillProgram) throws -> VirtualBench {
        var limits = TestDevice.limits
        limits.diskReserve = 0
        limits.agentConfirm = .seconds(4)
        let bench = try VirtualBench(limits: limits)
        bench.files = disk
        bench.program = program
        try bench.start()
        _ = try bench.want(try TestRelease(agent: Self.image, version: 1), in: .agent, generation: 1)
        return bench
    }

    private func phase(_ bench: VirtualBench) -> InstallPhase? { bench.host?.slots[.agent]?.machine.state.phase }

    private func record(_ bench: VirtualBench) -> AgentRecord {
        AgentRecordFile(folder: bench.folder.path(), files: SystemFiles()).load()
    }

    @Test("a trial that can be neither noted nor given up is tried once a minute, and begins when there is room")
    func trial() throws {
        let (disk, program) = (FailingDisk(), StillProgram(running: nil))
        let bench = try bench(disk, program)
        // The state of the probation is the last that the disk takes.
        disk.isRecordRefused = true
        disk.onRefusal = { [unowned disk, unowned bench] count in
            // What does not wait comes to an end all the same.
            disk.isRecordRefused = count < 200
            try? bench.refuseStores(disk.isRecordRefused)
        }
        bench.loop.connect()
        bench.loop.run(milliseconds: 5000)
        #expect(disk.refusals == 1)
        #expect(phase(bench) == .probation)
        bench.loop.run(milliseconds: 600_000)
        #expect((10...11).contains(disk.refusals))
        #expect(!bench.loop.hasSpun)
        #expect(program.restarts == 0)

        disk.isRecordRefused = false
        try bench.refuseStores(false)
        bench.loop.run(milliseconds: 60_000)
        #expect(program.restarts == 1)
        #expect(record(bench).isTrial && record(bench).chosen == Self.digest)
        bench.drop()
    }

    @Test(
        "a new program that can store neither its end nor the way back does not spin, and goes back when there is room")
    func wayBack() throws {
        let (disk, installed) = (FailingDisk(), StillProgram(running: nil))
        let bench = try bench(disk, installed)
        bench.loop.connect()
        bench.loop.run(milliseconds: 5000)
        try #require(installed.restarts == 1)
        bench.drop()

        let new = StillProgram(running: Self.digest)
        bench.program = new
        try bench.start()
        try bench.refuseStores(true)
        disk.isRecordRefused = true
        bench.loop.run(milliseconds: 600_000)
        #expect(!bench.loop.hasSpun)
        #expect(phase(bench) == .probation)
        #expect(new.restarts == 0)
        #expect((3...40).contains(bench.notices.count { $0.contains("device.db") }), "the pauses grow")

        disk.isRecordRefused = false
        try bench.refuseStores(false)
        bench.loop.run(milliseconds: 900_000)
        #expect(phase(bench) == .rolledBack)
        #expect(new.restarts == 1)
        #expect(record(bench).chosen == nil)
        bench.drop()
    }
}

/// A program that is told to end, and goes on.
///
/// `@unchecked Sendable`: one test works on it, on one thread.
private final class StillProgram: AgentProgram, @unchecked Sendable {
    let running: Digest?
    private(set) var restarts = 0

    init(running: Digest?) { self.running = running }

    func check(_ path: String, on loop: any DeviceLoop, completion: @escaping @Sendable (AgentCheck) -> Void) {
        loop.perform { completion(.passed(microseconds: 1000)) }
    }
    func restart() { restarts += 1 }
    func confirm() {}
}

/// The system's files, of which the agent's record may not be writable.
///
/// `@unchecked Sendable`: one test works on it, on one thread.
private final class FailingDisk: DeviceFiles, @unchecked Sendable {
    private let files = SystemFiles()
    var isRecordRefused = false
    private(set) var refusals = 0
    /// Told how many there were.
    var onRefusal: (Int) -> Void = { _ in }

    func open(_ path: String, _ mode: FileMode) throws(DeviceError) -> any OpenFile {
        if isRecordRefused, path.hasSuffix("/agent.new") {
            refusals += 1
            onRefusal(refusals)
            throw DeviceError(.noSpace, "no space left for \(path)")
        }
        return try files.open(path, mode)
    }

    func makeFolder(_ path: String) throws(DeviceError) { try files.makeFolder(path) }
    func exists(_ path: String) -> Bool { files.exists(path) }
    func remove(_ path: String) { files.remove(path) }
    func size(of path: String) -> Int? { files.size(of: path) }
    func names(in folder: String) -> [String] { files.names(in: folder) }
    func freeBytes(at path: String) throws(DeviceError) -> Int { try files.freeBytes(at: path) }
    func rename(_ old: String, to new: String) throws(DeviceError) { try files.rename(old, to: new) }
    func image(at path: String) throws(DeviceError) -> ImageSource { files.image(at: path) }
}
