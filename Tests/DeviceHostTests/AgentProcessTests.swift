import BuiltPrograms
import FleetCrypto
import FleetModel
import FleetWire
import Foundation
import Glibc
import ModelImage
import Synchronization
import Testing

@testable import DeviceHost

/// A model that takes milliseconds: a chain of products of 256 × 256.
enum SlowModel {
    static let width = 256

    static func release(version: Int, layers: Int = 600) throws -> TestRelease {
        var release = try TestRelease(version: version, gain: 1)
        release.image = try image(version: version, layers: layers)
        var part = release.manifest.parts[0]
        part.image = ImageReference(digest: SHA256.hash(release.image), bytes: release.image.count, arenaBytes: 8192)
        part.input = FrameDescription(
            kind: .timeseries, steps: width, width: 1, channels: [Channel(name: "a", unit: "g")])
        part.normalisation = Normalisation(offset: [0], scale: [1])
        let zero = Array(repeating: Float(0), count: width)
        part.golden = GoldenProof(
            inputs: [zero], outputs: [[0.5, 0.5]], tolerance: 1e-3, latencyLimit: 10_000_000)
        part.baseline = Baseline(
            features: [part.baseline.features[0]],
            predictions: part.baseline.predictions)
        release.manifest.parts = [part]
        return release
    }

    private static func image(version: Int, layers: Int) throws -> [UInt8] {
        var image = ImageDescription()
        let x = image.add(.input("x", shape: [1, width], at: 0))
        let square = image.add(
            .panels("w", Array(repeating: Float(version) * 1e-4, count: width * width), rows: width, columns: width))
        let last = image.add(.panels("v", Array(repeating: 0, count: width * 2), rows: width, columns: 2))
        var from = x
        for layer in 0..<layers {
            let to = image.add(.intermediate("z\(layer)", shape: [1, width], at: layer % 2 == 0 ? 1024 : 2048))
            image.operations.append(.init(.gemm, inputs: [from, square], output: to, name: "g\(layer)"))
            from = to
        }
        let logits = image.add(.intermediate("logits", shape: [1, 2], at: 4096))
        let y = image.add(.output("y", shape: [1, 2], at: 4160))
        image.operations.append(.init(.gemm, inputs: [from, last], output: logits, name: "dense"))
        image.operations.append(
            .init(.softmax(axis: 1, logarithmic: false), inputs: [logits], output: y, name: "softmax"))
        image.inputs = [x]
        image.outputs = [y]
        image.arenaBytes = 8192
        return try image.encoded()
    }
}

@Suite("The agent as a process", .serialized)
struct AgentProcessTests {
    @Test("tells its service manager that it is ready, alive, reloading and stopping; SIGHUP reloads what can be")
    func service() throws {
        let fleet = try SecureFleet()
        let agent = try TestAgent("svc", fleet: fleet, settings: ["log = problems"])
        try agent.start(environment: ["WATCHDOG_USEC": "200000"])
        var lines: [String] = []
        eventually("ready") {
            lines += agent.told()
            return lines.contains("READY=1")
        }
        eventually("the watchdog is told") {
            lines += agent.told()
            return lines.count { $0 == "WATCHDOG=1" } >= 3
                && lines.contains { $0.hasPrefix("STATUS=connected; no slots") }
        }
        try agent.configure(["log = all", "journal_records = 5", "time_zone = Europe/Berlin"])
        Glibc.kill(agent.pid, SIGHUP)
        lines = []
        eventually("reloaded") {
            lines += agent.told()
            return lines.contains("READY=1") && lines.contains("RELOADING=1")
                && lines.contains { $0.hasPrefix("MONOTONIC_USEC=") }
        }
        #expect(agent.log.contains("configuration reloaded"))
        try agent.configure(["time_zone = Europe/Nowhere"])
        Glibc.kill(agent.pid, SIGHUP)
        eventually("a mistake changes nothing") { agent.log.contains("the configuration stays as it was") }
        try agent.write(
            try String(contentsOf: agent.folder.appending(path: "agent.conf"), encoding: .utf8)
                .replacing("Europe/Nowhere", with: "UTC0").replacing("api.sock", with: "other.sock"), "agent.conf")
        Glibc.kill(agent.pid, SIGHUP)
        eventually("what needs a restart is told") { agent.log.contains("socket, port changed: that needs a restart") }
        #expect(agent.ask("GET", "/v2/health/live")?.status == 200)
        lines = []
        Glibc.kill(agent.pid, SIGTERM)
        agent.process?.waitUntilExit()
        #expect(agent.process?.terminationStatus == 0)
        #expect(agent.told().contains("STOPPING=1"))
    }

    /// Sends a batch and ends the process while one of its frames is at work.
    private func crash(_ agent: TestAgent, _ release: TestRelease) throws {
        let frame = Array(repeating: Float(1), count: SlowModel.width)
        let body = TestAgent.request(frame, release, count: 60)
        let client = try LocalClient(.unix(path: agent.socket))
        defer { close(client.descriptor) }
        let text = "POST /v2/models/sign/infer HTTP/1.1\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { send(client.descriptor, $0.baseAddress, $0.count, 0) }
            try #require(count > 0)
            sent += count
        }
        let marker = try #require(MappedMarker(path: "\(agent.state.path())/at-work"))
        let end = Date().addingTimeInterval(30)
        // Held first: between seeing the mark and the end of the process, a busy machine lets the inference finish.
        while Date() < end {
            while marker.left() == nil, Date() < end { sched_yield() }
            try agent.hold()
            if marker.left() != nil { break }
            Glibc.kill(agent.pid, SIGCONT)
        }
        try #require(marker.left() != nil, "an inference is under way")
        agent.kill()
        #expect(marker.left() != nil, "it ended in the inference")
    }

    @Test("a model that ends the process on probation is rolled back by the next start, with the reason")
    func crashOnProbation() throws {
        let fleet = try SecureFleet()
        let agent = try TestAgent("crash", fleet: fleet, settings: ["probation_seconds = 3600"])
        try agent.start()
        let first = try agent.install(
            try TestRelease(version: 1, gain: 1), generation: 1, fleet: fleet, frame: [1, 2, 3, 4])
        let slow = try SlowModel.release(version: 2)
        let second = try fleet.controller.publish(slow, chunkBytes: 64 << 10)
        fleet.controller.want(second, on: agent.id, generation: 2)
        eventually("on probation", seconds: 20) { agent.serving == second.hex }
        try crash(agent, slow)
        try agent.start()
        eventually("the champion serves") { agent.serving == first.hex }
        eventually("the reason is reported") { fleet.controller.slot(agent.id)?.failure == .crashed }
        #expect(agent.log.contains("the process ended while"))
    }

    @Test("a champion that ends the process three times is left for the release before it: safe mode")
    func safeMode() throws {
        let fleet = try SecureFleet()
        let agent = try TestAgent("safe", fleet: fleet)
        try agent.start()
        let first = try agent.install(
            try TestRelease(version: 1, gain: 1), generation: 1, fleet: fleet, frame: [1, 2, 3, 4])
        var slow = try SlowModel.release(version: 2)
        slow.manifest.mayReturnTo = [first]
        let frame = Array(repeating: Float(1), count: SlowModel.width)
        let second = try agent.install(slow, generation: 2, fleet: fleet, frame: frame)
        for _ in 0..<3 {
            eventually("the champion serves") { agent.serving == second.hex }
            try crash(agent, slow)
            try agent.start()
        }
        eventually("the release before serves") { agent.serving == first.hex }
        eventually("the reason is reported") {
            fleet.controller.slot(agent.id).map { $0.failure == .crashed && $0.detail.contains("safe mode") } == true
        }
        // The controller's document, which wants the second one still, does not bring it back.
        agent.kill()
        try agent.start()
        eventually("still") { agent.serving == first.hex }
        usleep(300_000)
        #expect(agent.serving == first.hex)
        let answer = agent.ask(
            "POST", "/v2/models/sign/infer", TestAgent.request([1, 2, 3, 4], try TestRelease(version: 1, gain: 1)))
        #expect(answer?.value["parameters"]?["release"]?.text == first.hex)
        // Which release judged which frame, from outside of the process.
        let journal = try agent.run(["journal", "--last", "1", "--json"])
        #expect(journal.status == 0)
        let entry = try JSONReader.read(Array(journal.output.utf8).filter { $0 != 10 }[...]).list?.first
        #expect(entry?["release"]?.text == first.hex)
        let hash = [Float(1), 2, 3, 4].withUnsafeBufferPointer { JournalEntry.hash($0) }
        #expect(entry?["input"]?.text == hash.hex)
        #expect(
            try agent.run(["journal", "--input", String(repeating: "0", count: 64)]).output.split(separator: "\n").count
                == 1)
    }

    @Test("a model that the process has no memory for is refused with the reason, whatever its manifest says of it")
    func memory() throws {
        let fleet = try SecureFleet()
        let agent = try TestAgent("oom", fleet: fleet, settings: ["arena_limit_mib = 512"])
        try agent.start()
        let frame: [Float] = [1, 2, 3, 4]
        let first = try agent.install(
            try TestRelease(version: 1, gain: 1), generation: 1, fleet: fleet, frame: frame)
        try agent.limitMemory(toFurther: 24 << 20)
        // Well beyond what the process may give back meanwhile: a thread's heap is 64 MiB of address space.
        let arena = 256 << 20
        for (version, promised, reason) in [(2, arena, "of memory available"), (3, 192, "does not give")] {
            let large = try TestRelease(
                version: version, gain: Float(version), arenaBytes: arena, promisedArena: promised)
            let digest = try fleet.controller.publish(large, chunkBytes: 64 << 10)
            fleet.controller.want(digest, on: agent.id, generation: UInt64(version))
            eventually("the reason is reported", seconds: 20) {
                fleet.controller.slot(agent.id).map {
                    $0.target == digest && $0.failure == .arenaTooLarge && $0.detail.contains(reason)
                } == true
            }
            #expect(agent.serving == first.hex)
            let answer = agent.ask(
                "POST", "/v2/models/sign/infer", TestAgent.request(frame, try TestRelease(version: 1, gain: 1)))
            #expect(answer?.status == 200)
        }
        #expect(agent.process?.isRunning == true)
        try agent.limitMemory(toFurther: nil)
        let third = try TestRelease(version: 4, gain: 2, arenaBytes: arena)
        _ = try agent.install(third, generation: 4, fleet: fleet, frame: frame)
    }

    @Test("doctor finds nothing wrong where all is well, and says what to do where it is not")
    func doctor() throws {
        let fleet = try SecureFleet()
        let agent = try TestAgent("doc", fleet: fleet)
        try agent.start()
        _ = try agent.install(try TestRelease(version: 1, gain: 1), generation: 1, fleet: fleet, frame: [1, 2, 3, 4])
        let well = try agent.run(["doctor"])
        #expect(well.status == 0, "\(well.output)")
        for check in [
            "configuration", "keys", "certificate", "clock", "disk", "database", "images", "memory", "broker",
        ] {
            #expect(well.output.contains("ok       \(check)"), "\(check) in:\n\(well.output)")
        }
        #expect(well.output.contains("connected with mutual TLS"))
        #expect(fleet.controller.seen.withLock { $0.presence[agent.id]?.online } == true, "the agent keeps its place")

        func findings(_ change: () throws -> Void) throws -> [String: JSON] {
            try change()
            let answer = try agent.run(["doctor", "--json"])
            #expect(answer.status == 1, "\(answer.output)")
            let value = try JSONReader.read(Array(answer.output.utf8).filter { $0 != 10 }[...])
            #expect(value["verdict"]?.text == "problem")
            let bad = (value["findings"]?.list ?? []).filter { $0["verdict"]?.text == "problem" }
            #expect(bad.allSatisfy { $0["advice"]?.text?.isEmpty == false })
            return Dictionary(bad.map { ($0["check"]?.text ?? "", $0) }) { first, _ in first }
        }
        let identity = agent.folder.appending(path: "identity").path()
        let open = try findings { chmod("\(identity)/key.pem", 0o644) }
        #expect(open["keys"]?["text"]?.text?.contains("mode 644") == true)
        chmod("\(identity)/key.pem", 0o600)
        let other = try findings { try PrivateKey.generate().write(pemFile: "\(identity)/key.pem") }
        #expect(other["certificate"]?["text"]?.text?.contains("do not belong together") == true)
        let short = try findings {
            let key = try PrivateKey.generate()
            try key.write(pemFile: "\(identity)/key.pem")
            let now = SystemTime().system
            let past = CertificateAuthority.Validity(
                from: now.advanced(by: .days(-9)), until: now.advanced(by: .days(-2)))
            try fleet.authority.issueClient(commonName: "doc", key: key, validity: past)
                .write(pemFile: "\(identity)/cert.pem")
        }
        #expect(short["certificate"]?["text"]?.text?.contains("expired 2 days ago") == true)
        #expect(short["broker"] != nil, "a broker refuses it as well")
        agent.kill()
        let torn = try findings {
            // What the log holds would hide it.
            try? FileManager.default.removeItem(at: agent.state.appending(path: "device.db-wal"))
            let handle = try FileHandle(forWritingTo: agent.state.appending(path: "device.db"))
            try handle.write(contentsOf: Data(repeating: 0x5A, count: 4096))
            try handle.close()
        }
        #expect(torn["database"] != nil)
        let lost = try findings { fleet.broker.stop() }
        #expect(lost["broker"]?["advice"]?.text?.contains("check the network") == true)
        let silent = try findings { try agent.write("nonsense", "agent.conf") }
        #expect(silent["configuration"]?["text"]?.text?.contains("expected 'key = value'") == true)
    }

    @Test("the systemd unit is sound and keeps the agent in a box")
    func unit() throws {
        let unit = Repository.root.appending(path: "config/systemd/martlet-agent.service")
        let analyze = URL(filePath: "/usr/bin/systemd-analyze")
        try #require(FileManager.default.fileExists(atPath: analyze.path()), "scripts/dependencies installs systemd")
        func run(_ arguments: [String]) throws -> (Int32, String) {
            let process = Process()
            process.executableURL = analyze
            process.arguments = arguments
            let pipe = Pipe()
            process.standardOutput = pipe
            process.standardError = pipe
            try process.run()
            let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            return (process.terminationStatus, output)
        }
        // The binary's place is not this machine's: the unit is checked with the one that was built.
        let folder = FileManager.default.temporaryDirectory.appending(path: "unit-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let copy = folder.appending(path: "martlet-agent.service")
        try String(contentsOf: unit, encoding: .utf8)
            .replacing("/usr/bin/martlet-agent", with: try BuiltPrograms.agent().path())
            .write(to: copy, atomically: true, encoding: .utf8)
        let (status, output) = try run(["verify", copy.path()])
        #expect(status == 0 && output.isEmpty, "\(output)")
        // 0 is a box without a hole, 100 none at all.
        let (exposure, report) = try run(["security", "--offline=true", "--threshold=15", copy.path()])
        #expect(exposure == 0, "\(report)")
    }
}

/// Where this repository lies.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
}
