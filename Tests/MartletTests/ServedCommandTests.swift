import Foundation
import GRDB
import Testing

/// The `martlet` program against a real `martlet serve` with its private broker, and two real devices of `martlet-fleet`.
@Suite("The command line with a controller", .serialized)
struct ServedCommandTests {
    /// A stream of three devices whose class is the sign of the sum of its two columns.
    private static let stream = """
        stream:
          name: cells
          kind: table
          source: { format: csv, path: cells.csv, label: kind }
          channels: [{ name: a, unit: V }, { name: b, unit: V }]
          classes: [{ label: "0", name: low }, { label: "1", name: high }]
          partition: { devices: 3, prefix: cell, consecutive: true }
        loop:
          model: cells
          train: "*"
          group_by: number
          trainer: { architecture: perceptron }
          sampling: { floor: 0.5, slope: 0.2 }
          report_seconds: 1
          frames_per_second: 50
          annotations: [{ selector: "*", count: 10 }]
          retrain: { annotations: 10 }
          first_waves: [{ name: all, share: 1 }]
          next_waves: [{ name: all, share: 1 }]
        """

    private static func rows() -> String {
        let rows = (0..<600).map { index in
            let values = (0..<2).map { Double((index * 7919 + $0 * 104_729) % 401) / 100 - 2 }
            return "\(values[0]),\(values[1]),\(values[0] + values[1] > 0 ? 1 : 0)"
        }
        return (["a,b,kind"] + rows).joined(separator: "\n") + "\n"
    }

    @Test(
        "a model goes from frames to devices and back by commands alone, scripts can tell how it went, and kills lose nothing"
    )
    func wholeWay() async throws {
        let desk = try Desk()
        try Data(Self.rows().utf8).write(to: desk.folder.appending(path: "cells.csv"))
        try Data(Self.stream.utf8).write(to: desk.folder.appending(path: "cells.yaml"))
        try await desk.serve()
        try tokensAndRoles(desk)
        try devices(desk)
        try datasetAndTraining(desk)
        try release(desk)
        try rolloutByHand(desk)
        try desk.startFleet()
        let done = try desk.json(
            ["rollout", "start", "cells-1", "--wave", "1", "--deadline", "120", "--wait"], as: "ops")
        #expect(done["state"] as? String == "completed")
        #expect(done["succeeded"] as? Int == 2)
        #expect(try desk.run(["device", "show", "cell1"], as: "vera").output.contains("cells:1"))
        try samples(desk)
        try await kills(desk)
        try log(desk)
        #expect(try desk.stopServer() == 0)
    }

    /// Kills the controller at random moments while reports and samples come in: afterwards its database holds all that
    /// a device was told is committed, and holds and counts it once.
    private func kills(_ desk: Desk) async throws {
        #expect(try desk.killBroker() == 1)
        try await Task.sleep(for: .seconds(5))
        for _ in 0..<6 {
            try await Task.sleep(for: .seconds(Double.random(in: 0.2...1.6)))
            desk.killServer()
            try await desk.serve()
        }
        try await Task.sleep(for: .seconds(3))
        try desk.stopFleet()
        try await Task.sleep(for: .seconds(1))
        let told = try AcknowledgementLog(file: desk.path("martlet-fleet.out"))
        #expect(told.count(of: "report") > 10)
        #expect(told.count(of: "sample") > 30)
        #expect(told.count(of: "log") > 0)
        var configuration = Configuration()
        configuration.readonly = true
        let database = try DatabaseQueue(path: desk.path("data/martlet.db"), configuration: configuration)
        let logs = ["cell1", "cell2"].map { (device: $0, path: desk.path("predictions/\($0).csv")) }
        try await database.read { database in
            for (stream, sequences) in told.streams {
                let table = stream.kind == "log" ? "device_log WHERE line = 0 AND" : "\(stream.kind) WHERE"
                let held = try Int64.fetchAll(
                    database, sql: "SELECT sequence FROM \(table) device = ? AND boot = ? ORDER BY sequence",
                    arguments: [stream.device, stream.boot])
                #expect(sequences.subtracting(held) == [], "\(stream) was acknowledged and is gone")
                // What nobody acknowledged may be missing here: the device holds it and sends it again.
                #expect(Set(held).count == held.count, "\(stream) is stored twice")
                let counted = try Int.fetchOne(
                    database, sql: "SELECT received FROM stream_cursor WHERE device = ? AND boot = ? AND stream = ?",
                    arguments: [stream.device, stream.boot, stream.kind])
                #expect(counted == held.count, "\(stream) was counted otherwise than stored")
            }
            // Counted by the devices themselves: what reports sum up was really inferred.
            for (device, path) in logs {
                let reported = try Int.fetchOne(
                    database, sql: "SELECT sum(inferences) FROM report WHERE device = ?", arguments: [device])
                let log = try String(contentsOfFile: path, encoding: .utf8)
                let inferred = log.split(separator: "\n").count
                #expect(inferred > 100 && (reported ?? 0) <= inferred)
                #expect(Double(reported ?? 0) > 0.8 * Double(inferred), "\(reported ?? 0) of \(inferred) reported")
            }
        }
    }

    /// With the broker the devices lost their connections, and say so.
    private func log(_ desk: Desk) throws {
        let shown = try desk.run(["device", "log", "cell1", "--last", "20"], as: "vera")
        #expect(shown.status == 0 && shown.output.contains("disconnected: "), "\(shown)")
        let lines = try desk.json(["device", "log", "cell1"], as: "vera")["items"] as? [[String: Any]]
        #expect(lines?.allSatisfy { $0["severity"] as? String != nil && $0["text"] as? String != nil } == true)
        #expect(try desk.run(["device", "log", "nobody"], as: "vera").status == 5)
        #expect(try desk.run(["device", "log", "cell1", "--last", "0"], as: "vera").status == 64)
    }

    private func tokensAndRoles(_ desk: Desk) throws {
        for (name, role) in [("ops", "operator"), ("lead", "approver"), ("anna", "annotator"), ("vera", "viewer")] {
            let made = try desk.json(["token", "create", name, "--role", role], as: "admin")
            desk.tokens[name] = try #require(made["token"] as? String)
        }
        #expect(try desk.run(["token", "list"], as: "admin").output.contains("annotator"))
        #expect(try desk.run(["token", "list"], as: "vera").status == 4)
        desk.tokens["thief"] = "mrt_made_up"
        let refused = try desk.run(["device", "list"], as: "thief")
        #expect(refused.status == 4)
        #expect(refused.errors.contains("unknown"))
        #expect(refused.output.isEmpty)
    }

    private func devices(_ desk: Desk) throws {
        for name in ["cell1", "cell2"] {
            let path = desk.folder.appending(path: "devices/\(name)").path
            let made = try desk.json(
                ["device", "provision", name, "--out", path, "--tag", "number=\(name.last ?? "0")"], as: "ops")
            #expect(made["id"] as? String == name)
            let key = try FileManager.default.attributesOfItem(atPath: "\(path)/key.pem")[.posixPermissions]
            #expect(key as? Int == 0o600)
        }
        #expect(try desk.run(["device", "provision", "cell1", "--out", desk.path("again")], as: "ops").status == 3)
        #expect(try desk.run(["device", "provision", "cell9", "--out", desk.path("nine")], as: "vera").status == 4)
        #expect(try desk.run(["device", "show", "nobody"], as: "vera").status == 5)
        let list = try desk.json(["device", "list", "--selector", "number=2"], as: "vera")
        #expect((list["items"] as? [[String: Any]])?.map { $0["id"] as? String } == ["cell2"])
    }

    private func datasetAndTraining(_ desk: Desk) throws {
        let imported = try desk.json(["dataset", "import", "cells", "--config", desk.path("cells.yaml")], as: "ops")
        #expect(imported["frames"] as? Int == 600)
        #expect(try desk.run(["dataset", "cut", "nothing"], as: "ops").status == 5)
        #expect(try desk.json(["dataset", "cut", "cells"], as: "ops")["number"] as? Int == 1)
        let tar = desk.path("cells.tar")
        #expect(try desk.run(["dataset", "export", "cells:1", "--out", tar], as: "vera").status == 0)
        #expect(try Data(contentsOf: URL(fileURLWithPath: tar)).count > 600 * 512)
        var arguments = ["train", "start", "cells", "--dataset", "cells:1", "--wait"]
        let failed = try desk.run(arguments + ["--parameter", "epochs=0"], as: "ops")
        #expect(failed.status == 3, "\(failed.output)\(failed.errors)")
        for parameter in [
            "architecture=perceptron", "hidden=[6]", "epochs=12", "dropout=0", "averaging=0.8", "learningRate=0.03",
            "folds=2",
        ] { arguments += ["--parameter", parameter] }
        let run = try desk.json(arguments, as: "ops")
        #expect(run["state"] as? String == "succeeded", "\(run)")
        #expect(try desk.run(["model", "show", "cells:1"], as: "vera").output.contains("cells"))
        #expect(try desk.run(["model", "show", "cells:2"], as: "vera").status == 5)
        try quantization(desk)
    }

    /// A version's file computes on the exported frames what the version computes on a device: so it can be quantized.
    private func quantization(_ desk: Desk) throws {
        let (file, int8) = (desk.path("cells.onnx"), desk.path("int8.onnx"))
        #expect(try desk.run(["model", "fetch", "cells:1", "--output", file], as: "vera").status == 0)
        #expect(try desk.run(["model", "fetch", "cells:2", "--output", file], as: "vera").status == 5)
        let replay = try desk.json(
            ["model", "replay", "cells:1", "cells:1", "--dataset", "cells:1"], as: "vera")
        let report = try desk.json(
            ["model", "quantize", file, "--data", desk.path("cells.tar"), "--output", int8], as: "vera")
        let accuracy = try #require((replay["first"] as? [String: Any])?["accuracy"] as? Double)
        #expect(accuracy > 0.9)
        #expect(report["float_accuracy"] as? Double == accuracy, "\(report)")
    }

    private func release(_ desk: Desk) throws {
        let keys = desk.folder.appending(path: "data/keys")
        let made = try desk.json(
            ["release", "create", "cells:1", "--key", keys.appending(path: "ops.pem").path], as: "ops")
        #expect(made["stage"] as? String == "candidate")
        #expect(try desk.run(["rollout", "start", "cells-1"], as: "ops").status == 3)
        let lead = keys.appending(path: "lead.pem").path
        // One person under two keys is one person.
        #expect(try desk.run(["release", "approve", "cells-1", "--key", lead], as: "ops").status == 3)
        try signOffline(desk, key: lead)
    }

    /// The release goes to a machine without a network as a file, and comes back with a signature.
    private func signOffline(_ desk: Desk, key: String) throws {
        let file = desk.path("cells-1.cose")
        let exported = try desk.run(["release", "export-unsigned", "cells-1", "--out", file], as: "vera")
        #expect(exported.output.contains("cells:1"), "\(exported)")
        #expect(try desk.run(["release", "export-unsigned", "cells-1", "--out", file], as: "vera").status != 0)
        #expect(try desk.run(["release", "add-signature", file], as: "lead").errors.contains("no signature yet"))
        let signed = try CommandLineTests().run(["release", "sign", file, "--key", key])
        #expect(signed.status == 0 && signed.output.contains("release cells-1, counter 1"), "\(signed)")
        #expect(try desk.run(["release", "add-signature", file], as: "vera").status == 4)
        let added = try desk.json(["release", "add-signature", file], as: "lead")
        #expect(added["stage"] as? String == "approved")
        let strange = desk.path("strange.pem")
        #expect(try CommandLineTests().run(["key", "create", "--out", strange]).status == 0)
        let refused = try desk.run(["release", "approve", "cells-1", "--key", strange], as: "lead")
        #expect(refused.status == 3)
    }

    /// While no device is there, a rollout goes through all that a person can do with it.
    private func rolloutByHand(_ desk: Desk) throws {
        let started = try desk.json(["rollout", "start", "cells-1", "--wave", "canary:0.5", "--wave", "1"], as: "ops")
        let id = "\(try #require(started["id"] as? Int))"
        func state(_ arguments: [String]) throws -> String? {
            try desk.json(["rollout"] + arguments, as: "ops")["state"] as? String
        }
        #expect(started["state"] as? String == "running")
        #expect(try desk.run(["rollout", "pause", id], as: "vera").status == 4)
        #expect(try state(["pause", id, "--reason", "lunch"]) == "paused")
        #expect(try desk.run(["rollout", "status", id, "--wait"], as: "vera").status == 7)
        #expect(try state(["resume", id]) == "running")
        #expect(["aborting", "aborted"].contains(try state(["abort", id, "--reason", "enough"])))
        #expect(try desk.run(["rollout", "resume", id], as: "ops").status == 3)
        #expect(try desk.run(["rollout", "status", "99"], as: "ops").status == 5)
    }

    private func samples(_ desk: Desk) throws {
        var items: [[String: Any]] = []
        let deadline = Date().addingTimeInterval(60)
        while items.count < 2, Date() < deadline {
            items = try desk.json(["sample", "list", "--state", "open"], as: "anna")["items"] as? [[String: Any]] ?? []
            if items.count < 2 { Thread.sleep(forTimeInterval: 0.5) }
        }
        let ids = items.compactMap { ($0["id"] as? Int).map(String.init) }
        try #require(ids.count >= 2, "no sample came within a minute")
        let labelled = try desk.json(["sample", "label", ids[0], "high"], as: "anna")
        #expect(labelled["class"] as? String == "high")
        #expect(labelled["identity"] as? String == "anna")
        #expect(try desk.run(["sample", "label", ids[1], "purple"], as: "anna").status == 3)
        #expect(try desk.run(["sample", "label", ids[1], "--unusable"], as: "vera").status == 4)
        #expect(try desk.run(["sample", "label", ids[1], "--unusable"], as: "anna").status == 0)
        #expect(try desk.json(["sample", "withdraw", ids[1]], as: "anna")["verdict"] is NSNull)
        #expect(try desk.run(["sample", "withdraw", ids[1]], as: "anna").status == 3)
        let annotated =
            try desk.json(["sample", "list", "--state", "annotated"], as: "vera")["items"] as? [[String: Any]]
        #expect(annotated?.compactMap { ($0["id"] as? Int).map(String.init) } == [ids[0]])
    }
}

/// What devices said that they were told is committed.
private struct AcknowledgementLog {
    struct Stream: Hashable {
        var device: String
        var kind: String
        var boot: String
    }

    private(set) var streams: [Stream: Set<Int64>] = [:]

    /// Reads lines such as `cell1: acknowledged report boot=B highest=N holes=3..<5; sample boot=…`.
    init(file: String) throws {
        let expression = #/(report|sample|log) boot=(\w+) highest=(\d+) holes=([0-9.<,]*)/#
        for line in try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n") {
            guard let range = line.firstRange(of: ": acknowledged ") else { continue }
            for match in line[range.upperBound...].matches(of: expression) {
                let (_, kind, boot, highest, holes) = match.output
                var sequences = Set(1...max(Int64(highest) ?? 1, 1))
                if Int64(highest) == 0 { sequences = [] }
                for hole in holes.split(separator: ",") {
                    let ends = hole.split(separator: "..<").compactMap { Int64($0) }
                    if ends.count == 2 { sequences.subtract(ends[0]..<ends[1]) }
                }
                let device = String(line[..<range.lowerBound].split(separator: " ").last ?? "")
                streams[Stream(device: device, kind: String(kind), boot: String(boot)), default: []]
                    .formUnion(sequences)
            }
        }
    }

    func count(of kind: String) -> Int { streams.filter { $0.key.kind == kind }.reduce(0) { $0 + $1.value.count } }
}

/// A data folder with a controller and a fleet, and the people's tokens.
final class Desk {
    let folder: URL
    var tokens: [String: String] = [:]
    private var url = ""
    private var port = 0
    private var server: Process?
    private var fleet: Process?
    private let commands = CommandLineTests()

    init() throws { folder = try commands.folder() }

    deinit {
        for process in [fleet, server] {
            if let process, process.isRunning {
                process.terminate()
                _ = Self.status(of: process)
            }
        }
        try? FileManager.default.removeItem(at: folder)
    }

    func path(_ name: String) -> String { folder.appending(path: name).path }

    private func launch(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], output: Any
    ) throws -> Process {
        let process = Process()
        process.executableURL = CommandLineTests.program.deletingLastPathComponent().appending(path: program)
        process.arguments = arguments
        process.environment = ["PATH": "/usr/sbin:/usr/bin:/bin", "HOME": "/tmp"].merging(environment) { $1 }
        process.standardOutput = output
        process.standardError = try file("\(program).log")
        try process.run()
        return process
    }

    private func file(_ name: String) throws -> FileHandle {
        try Data().write(to: URL(fileURLWithPath: path(name)))
        return try #require(FileHandle(forWritingAtPath: path(name)))
    }

    /// Starts the controller and waits for the line that tells its address.
    func serve(
        environment: [String: String] = ["MARTLET_TRUST_INIT_KEYS": "ops,lead"]
    ) async throws {
        let pipe = Pipe()
        server = try launch(
            "martlet",
            [
                "serve", "--data", path("data"), "--http-port", "\(port)", "--group-by", "number",
                "--report-interval", "1",
            ], environment: environment, output: pipe)
        var told = ""
        while !told.contains("console and API at "), case let data = pipe.fileHandleForReading.availableData,
            !data.isEmpty
        {
            told += String(decoding: data, as: UTF8.self)
        }
        let address = try #require(told.components(separatedBy: "console and API at ").last, "\(told)")
        url = address.trimmingCharacters(in: .whitespacesAndNewlines)
        port = try #require(Int(url.split(separator: ":").last ?? ""), "\(url)")
        tokens["admin"] = try String(contentsOfFile: path("data/admin.token"), encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let mode = try FileManager.default.attributesOfItem(atPath: path("data/admin.token"))[.posixPermissions]
        #expect(mode as? Int == 0o600)
    }

    func startFleet() throws {
        fleet = try launch(
            "martlet-fleet",
            [
                "live", "--config", path("cells.yaml"), "--devices", path("devices"), "--predictions",
                path("predictions"),
            ],
            output: try file("martlet-fleet.out"))
    }

    /// Lets the devices send what they have and stops them.
    func stopFleet() throws {
        let fleet = try #require(fleet)
        fleet.terminate()
        #expect(Self.status(of: fleet) == 0)
    }

    /// As a power cut does.
    func killServer() {
        guard let server else { return }
        kill(server.processIdentifier, SIGKILL)
        _ = Self.status(of: server)
    }

    /// The controller's broker outlives it, and is a process by itself.
    ///
    /// - Returns: how many there were.
    func killBroker() throws -> Int {
        let brokers = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap(pid_t.init).filter {
            pid in
            let command = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
            let words = String(decoding: command, as: UTF8.self).split(separator: "\0")
            return words.first?.hasSuffix("mosquitto") == true && words.contains { $0.hasPrefix(path("data") + "/") }
        }
        for broker in brokers { kill(broker, SIGKILL) }
        return brokers.count
    }

    func stopServer() throws -> Int32 {
        guard let server else { return -1 }
        server.terminate()
        return Self.status(of: server)
    }

    /// Waits for a process's end, at most 30 s. Not `waitUntilExit`, which spins for ever off the main thread.
    private static func status(of process: Process) -> Int32 {
        let deadline = Date().addingTimeInterval(30)
        while process.isRunning, Date() < deadline { Thread.sleep(forTimeInterval: 0.05) }
        guard !process.isRunning else {
            kill(process.processIdentifier, SIGKILL)
            return -1
        }
        return process.terminationStatus
    }

    func run(_ arguments: [String], as person: String) throws -> CommandLineTests.Outcome {
        try commands.run(arguments, environment: ["MARTLET_URL": url, "MARTLET_TOKEN": tokens[person] ?? ""])
    }

    /// What a command prints with `--json`; it must succeed.
    func json(_ arguments: [String], as person: String) throws -> [String: Any] {
        let outcome = try run(arguments + ["--json"], as: person)
        try #require(
            outcome.status == 0, "martlet \(arguments.joined(separator: " ")): \(outcome.output)\(outcome.errors)")
        return try #require(JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    }
}
