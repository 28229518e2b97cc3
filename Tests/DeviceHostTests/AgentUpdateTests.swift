import BuiltPrograms
import FleetCrypto
import FleetModel
import FleetWire
import Foundation
import Glibc
import Synchronization
import Testing

@testable import DeviceHost

/// Programs that take the place of an agent.
enum TestProgram {
    /// A script that passes its check of itself, and does this as an agent.
    static func script(_ body: String, check: String = "exit 0") -> [UInt8] {
        Array("#!/bin/sh\ncase \"$*\" in *--check*) \(check);; esac\n\(body)\n".utf8)
    }

    /// The agent under test with another digest: what follows an ELF file's end is of no interest to anybody.
    static func agent(_ mark: UInt8) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: BuiltPrograms.agent())) + [mark]
    }

    /// The agent under test as its header would be on another processor.
    static func foreign() throws -> [UInt8] {
        var bytes = try agent(0)
        // e_machine: 183 is AArch64, 243 is RISC-V.
        bytes[18] = bytes[18] == 183 ? 243 : 183
        return Array(bytes.prefix(1 << 16))
    }
}

@Suite("The agent's own update, with real processes", .serialized)
struct AgentUpdateTests {
    private static let settings = ["probation_seconds = 1", "agent_confirm_seconds = 4"]

    private struct Bench {
        let fleet: SecureFleet
        let agent: TestAgent
        let service: ServiceLoop

        init(_ name: String) throws {
            fleet = try SecureFleet()
            agent = try TestAgent(name, fleet: fleet, settings: AgentUpdateTests.settings)
            service = try ServiceLoop(agent)
            let (controller, id) = (fleet.controller, agent.id)
            eventually("it is there") { controller.seen.withLock { $0.presence[id] != nil } }
        }

        var slot: ReportedSlot? { fleet.controller.slot(agent.id, .agent) }

        /// Publishes and wants a release of the agent; gives its digest.
        @discardableResult
        func offer(_ release: TestRelease, generation: UInt64, keys: [SigningKey]? = nil) throws -> Digest {
            let digest = try fleet.controller.publish(release, keys: keys, codec: .zstd, chunkBytes: 64 << 10)
            fleet.controller.want(digest, on: agent.id, in: .agent, generation: generation)
            return digest
        }

        /// The file that the process runs.
        var runs: String {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(agent.pid)/exe")) ?? ""
        }

        func runs(_ release: TestRelease) -> Bool {
            runs == "\(agent.state.path())/images/\(SHA256.hash(release.image).hex)"
        }

        var runsInstalled: Bool { get throws { runs == (try BuiltPrograms.agent()).path() } }

        func expectEnd(
            _ phase: InstallPhase, _ failure: InstallFailure, _ part: String, seconds: Double = 30,
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            eventually("\(failure): \(part)", seconds: seconds, sourceLocation: sourceLocation) {
                slot?.phase == phase && slot?.failure == failure && slot?.detail.contains(part) == true
            }
        }
    }

    @Test("a good program takes over under the same process id, is confirmed, reported, and kept over a restart")
    func good() throws {
        let bench = try Bench("good")
        defer { bench.service.stop() }
        let pid = bench.agent.pid
        let first = try TestRelease(agent: TestProgram.agent(1), version: 1)
        let digest = try bench.offer(first, generation: 1)
        eventually("it is committed", seconds: 30) { bench.slot?.phase == .committed && bench.slot?.champion == digest }
        #expect(bench.runs(first))
        #expect(bench.agent.pid == pid && bench.service.ends == 0)
        let told = bench.agent.told()
        #expect(told.count { $0 == "READY=1" } == 2 && !told.contains("STOPPING=1"))
        let receipt = bench.fleet.controller.receipts(bench.agent.id, .agent).last
        #expect(receipt?.image == SHA256.hash(first.image) && receipt?.release == digest)
        let status = bench.agent.ask("GET", "/martlet/v1/status")?.value["slots"]?.list?.first
        #expect(status?["slot"]?.text == "agent" && status?["version"]?.text == "martlet-agent:1")

        kill(pid, SIGKILL)
        eventually("it is started again") { bench.service.ends == 1 && bench.runs(first) }

        // The next one, and back to the first by hand: the installed program is in between and is never seen.
        var second = try TestRelease(agent: TestProgram.agent(2), version: 2)
        second.manifest.mayReturnTo = [digest]
        try bench.offer(second, generation: 2)
        eventually("the second is committed", seconds: 30) { bench.slot?.phase == .committed && bench.runs(second) }
        #expect(bench.agent.ask("POST", "/martlet/v1/rollback")?.status == 409, "no model to roll back")
        #expect(bench.agent.ask("POST", "/martlet/v1/rollback/agent")?.status == 200)
        eventually("the first runs", seconds: 15) { bench.runs(first) && bench.slot?.failure == .byHand }

        // An older one than was accepted is refused.
        let old = try TestRelease(agent: TestProgram.agent(3), version: 1)
        try bench.offer(old, generation: 3)
        bench.expectEnd(.failed, .oldCounter, "accepted was 2")
    }

    @Test("without its record a device goes over again to what its database wants; a damaged program is fetched")
    func recovery() throws {
        let bench = try Bench("recovery")
        defer { bench.service.stop() }
        let release = try TestRelease(agent: TestProgram.agent(1), version: 1)
        try bench.offer(release, generation: 1)
        eventually("it is committed", seconds: 30) { bench.slot?.phase == .committed && bench.runs(release) }

        // As after a power cut between the store of the database and that of the record.
        try FileManager.default.removeItem(at: bench.agent.state.appending(path: "agent"))
        kill(bench.agent.pid, SIGKILL)
        eventually("the installed program goes over again", seconds: 20) {
            bench.service.ends == 1 && bench.runs(release)
        }

        let file = bench.agent.state.appending(path: "images/\(SHA256.hash(release.image).hex)")
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: file, options: .atomic)
        kill(bench.agent.pid, SIGKILL)
        eventually("it is whole again, and runs", seconds: 40) {
            bench.service.ends == 2 && bench.runs(release) && (try? Data(contentsOf: file)) == Data(release.image)
        }
        eventually("and is committed", seconds: 20) { bench.slot?.phase == .committed }
        #expect(bench.agent.log.contains("is damaged or gone: starting the one before"))
    }

    @Test("a program that ends at once is left after three starts, with the reason; the one before goes on")
    func crashing() throws {
        let bench = try Bench("crashing")
        defer { bench.service.stop() }
        try bench.offer(try TestRelease(agent: TestProgram.script("exit 1"), version: 1), generation: 1)
        bench.expectEnd(.rolledBack, .crashed, "ended 3 times before it was confirmed")
        #expect(try bench.runsInstalled)
        #expect(bench.service.ends == 3)
        // The same wish again, with the quarantine not over: nothing is tried.
        let again = try bench.fleet.controller.publish(
            try TestRelease(agent: TestProgram.script("exit 1"), version: 1), codec: .zstd)
        bench.fleet.controller.want(
            again, on: bench.agent.id, in: .agent, generation: 2, activation: .window(startMinute: 0, endMinute: 1439))
        bench.expectEnd(.failed, .quarantined, "quarantine")
    }

    @Test("a program that hangs is ended by its alarm, and left; a good one before it comes back by itself")
    func hanging() throws {
        let bench = try Bench("hanging")
        defer { bench.service.stop() }
        let good = try TestRelease(agent: TestProgram.agent(1), version: 1)
        try bench.offer(good, generation: 1)
        eventually("it is committed", seconds: 30) { bench.slot?.phase == .committed }
        let hanging = try TestRelease(agent: TestProgram.script("exec sleep 1000"), version: 2)
        try bench.offer(hanging, generation: 2)
        bench.expectEnd(.rolledBack, .crashed, "ended 3 times before it was confirmed", seconds: 60)
        #expect(bench.runs(good))
        #expect(bench.slot?.champion != nil)
    }

    @Test("a program that lives and does not reach the broker goes back by itself in time, and says why")
    func lost() throws {
        let bench = try Bench("lost")
        defer { bench.service.stop() }
        let folder = bench.agent.folder.path()
        try FileManager.default.copyItem(atPath: "\(folder)/identity", toPath: "\(folder)/elsewhere")
        try bench.agent.write("id = lost\nbroker_host = 127.0.0.1\nbroker_port = 1\n", "elsewhere/device.conf")
        let settings = try String(contentsOfFile: "\(folder)/agent.conf", encoding: .utf8)
        try bench.agent.write(
            settings.replacing("\(folder)/identity", with: "\(folder)/elsewhere"), "elsewhere.conf")
        let real = try BuiltPrograms.agent().path()
        let program = TestProgram.script("exec \(real) --config \(folder)/elsewhere.conf")
        try bench.offer(try TestRelease(agent: program, version: 1), generation: 1)
        let reason = "not confirmed within 4 s: it does not reach the broker"
        let installed = try BuiltPrograms.agent().path()
        eventually("it has gone back", seconds: 30) { bench.agent.log.contains(reason) && bench.runs == installed }
        #expect(bench.service.ends == 0)
        // It went back with the script's arguments: only a start with the right ones can tell the controller.
        kill(bench.agent.pid, SIGKILL)
        bench.expectEnd(.rolledBack, .crashed, reason)
    }

    @Test("what cannot run here is refused before it is tried: other machines, no programs, failed and slow checks")
    func unfit() throws {
        let bench = try Bench("unfit")
        defer { bench.service.stop() }
        let programs: [([UInt8], String)] = [
            (try TestProgram.foreign(), "does not run here"),
            (Array(repeating: 0x42, count: 5000), "does not run here"),
            (TestProgram.script("exit 0", check: "exit 3"), "exit status 3"),
            (TestProgram.script("exit 0", check: "exec sleep 100"), "took more than 15 s"),
        ]
        for (index, program) in programs.enumerated() {
            try bench.offer(try TestRelease(agent: program.0, version: index + 1), generation: UInt64(index + 1))
            eventually("number \(index) is refused", seconds: 40) {
                bench.slot?.phase == .failed && bench.slot?.detail.contains(program.1) == true
            }
            #expect(bench.slot?.failure == .proofFailed)
        }
        #expect(bench.service.ends == 0)
        #expect(try bench.runsInstalled)
    }

    @Test("an agent without enough signatures, for other hardware or in a model's place is refused")
    func refused() throws {
        let bench = try Bench("refused")
        defer { bench.service.stop() }
        let people = bench.fleet.controller.trust.people
        let program = TestProgram.script("exit 0")
        try bench.offer(try TestRelease(agent: program, version: 1), generation: 1, keys: [people[0]])
        bench.expectEnd(.failed, .tooFewSignatures, "1 of 2")
        try bench.offer(try TestRelease(agent: program, version: 2, hardware: ["toaster"]), generation: 2)
        bench.expectEnd(.failed, .wrongHardware, "toaster")
        try bench.offer(try TestRelease(agent: program, version: 3, hardware: []), generation: 3)
        bench.expectEnd(.failed, .malformedManifest, "no hardware")
        try bench.offer(try TestRelease(version: 4, gain: 1), generation: 4)
        bench.expectEnd(.failed, .malformedManifest, "no part for slot agent")

        let agent = try bench.fleet.controller.publish(try TestRelease(agent: program, version: 5), codec: .zstd)
        bench.fleet.controller.want(agent, on: bench.agent.id, generation: 5)
        eventually("an agent is no model") {
            bench.fleet.controller.slot(bench.agent.id)?.failure == .malformedManifest
        }
        #expect(bench.service.ends == 0)
    }
}
