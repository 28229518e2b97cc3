import BuiltPrograms
import FleetCrypto
import FleetModel
import Foundation
import Glibc
import ModelCompiler
import ONNXFormat
import Testing

@testable import DeviceHost

/// What the agent that devices get may cost: run by `scripts/agent-bars`, on the stripped binary of `make agent`.
@Suite(
    "The agent's bars", .serialized,
    .enabled(if: ProcessInfo.processInfo.environment["MARTLET_AGENT_BARS"] == "1"))
struct AgentBarsTests {
    private static let binaryBytes = 8_000_000
    /// Measured are 15.2 to 15.4 MiB, of which 11 are pages of the program and its libraries.
    private static let residentKilobytes = 16 << 10
    private static let startMilliseconds = 100.0
    private static let inferencesPerSecond = 100

    /// The keyword spotter of MLPerf Tiny as a release.
    private static func keywordSpotter() throws -> TestRelease {
        let path = Repository.root.appending(path: "Tests/Fixtures/models/kws_fp32.onnx")
        let compiled = try ModelCompiler.compile(try ONNXModel(parsing: [UInt8](try Data(contentsOf: path))))
        var release = try TestRelease(version: 1, gain: 1)
        release.image = compiled.imageBytes
        var part = release.manifest.parts[0]
        part.image = ImageReference(
            digest: SHA256.hash(release.image), bytes: release.image.count, arenaBytes: compiled.report.arenaBytes)
        part.input = FrameDescription(
            kind: .timeseries, steps: 49, width: 10,
            channels: (0..<10).map { Channel(name: "c\($0)", unit: "1") })
        part.classes = (0..<12).map { "word\($0)" }
        part.normalisation = Normalisation(
            offset: Array(repeating: 0, count: 10), scale: Array(repeating: 1, count: 10))
        part.baseline = Baseline(
            features: [part.baseline.features[0]],
            predictions: PredictionBaseline(counts: Array(repeating: 1, count: 12), driftThreshold: 1))
        // Its accuracy is not what is measured: any output that is a probability passes.
        part.golden = GoldenProof(
            inputs: [Array(repeating: 0, count: 490)], outputs: [Array(repeating: 0.5, count: 12)], tolerance: 1,
            latencyLimit: 1_000_000)
        release.manifest.parts = [part]
        return release
    }

    private static func resident(_ pid: Int32, _ key: String = "VmRSS") throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("\(key):") })
        return try #require(line.split(separator: " ").dropFirst().compactMap { Int($0) }.first)
    }

    @Test("size, memory with a keyword spotter at 100 inferences a second, and time from exec to ready")
    func bars() throws {
        let binary = try BuiltPrograms.agent()
        let bytes = try #require(try binary.resourceValues(forKeys: [.fileSizeKey]).fileSize)
        print("size \(bytes) bytes, at most \(Self.binaryBytes)")
        #expect(bytes <= Self.binaryBytes)

        let fleet = try SecureFleet()
        let agent = try TestAgent("bars", fleet: fleet)
        try agent.start()
        let release = try Self.keywordSpotter()
        let frame = (0..<490).map { Float($0 % 13) / 13 }
        _ = try agent.install(release, generation: 1, fleet: fleet, frame: frame)

        let client = try LocalClient(.unix(path: agent.socket))
        let body = TestAgent.request(frame, release)
        let start = Date()
        let seconds = 10.0
        var count = 0
        while Date().timeIntervalSince(start) < seconds {
            let answer = try client.json("POST", "/v2/models/sign/infer", body)
            try #require(answer.status == 200)
            count += 1
            let due = start.addingTimeInterval(Double(count) / Double(Self.inferencesPerSecond))
            let wait = due.timeIntervalSinceNow
            if wait > 0 { usleep(UInt32(wait * 1_000_000)) }
        }
        close(client.descriptor)
        let rate = Double(count) / seconds
        let kilobytes = try Self.resident(agent.pid)
        print("resident \(kilobytes) KiB at \(Int(rate)) inferences/s, at most \(Self.residentKilobytes) KiB")
        #expect(kilobytes <= Self.residentKilobytes)
        #expect(rate > 0.95 * Double(Self.inferencesPerSecond))

        var times: [Double] = []
        for _ in 0..<11 {
            agent.kill()
            _ = agent.told()
            let started = Date()
            try agent.start()
            while !agent.told().contains("READY=1") { usleep(200) }
            times.append(Date().timeIntervalSince(started) * 1000)
        }
        let median = times.sorted()[5]
        print("start \(median) ms (median of 11, with the model loaded), below \(Self.startMilliseconds) ms")
        #expect(median < Self.startMilliseconds)
    }
}
