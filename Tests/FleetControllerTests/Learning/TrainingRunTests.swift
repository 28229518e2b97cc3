import FleetModel
import FleetStore
import Foundation
import GRDB
import RetrainCore
import Testing
import Training

@testable import FleetController

@Suite("training runs")
struct TrainingRunTests {
    private let olga = LearningFleet.operatorIdentity

    @Test("a run becomes a version with all that a release needs")
    func succeeds() async throws {
        let fleet = try LearningFleet()
        try await fleet.importFrames()
        let started = try await fleet.controller.training.start(fleet.request(), by: olga)
        #expect(started.state == .queued)
        let run = try await fleet.finish(started.id)
        #expect(run.state == .succeeded, "\(run.failure ?? "")")
        #expect(run.progress == 1)
        #expect(run.log.contains("\"event\":\"finished\""))
        let version = VersionID(model: LearningFleet.model, number: try #require(run.number))
        let part = try #require(try await fleet.controller.models.material(version))
        #expect(part.classes == LearningFleet.classes)
        #expect(part.thresholds.derivedFrom == version)
        #expect(part.thresholds.promisedAccuracy > 0.75)
        #expect(part.golden.inputs.count == MaterialBuilder.goldenVectors)
        #expect(part.golden.outputs.allSatisfy { abs($0.reduce(0, +) - 1) < 1e-4 })
        #expect(part.baseline.features.count == 3)
        #expect(part.baseline.predictions.driftThreshold.isFinite)
        let metrics = try #require(
            JSONSerialization.jsonObject(with: Data(run.metrics.utf8)) as? [String: Any])
        #expect(metrics["heldBackAccuracy"] as? Double ?? 0 > 0.75)
        let release = try await fleet.controller.releases.create(
            ReleaseRequest(versions: [.main: version]), by: olga)
        #expect(release.record.stage == .candidate)
        #expect(release.datasets.map(\.dataset) == ["d"])
        #expect(!FileManager.default.fileExists(atPath: fleet.folder.appending(path: "jobs/\(run.id ?? 0)").path()))
    }

    @Test("what cannot work is refused before it is queued")
    func refused() async throws {
        let fleet = try LearningFleet()
        try await fleet.importFrames()
        var requests = [fleet.request(trainer: "nobody"), fleet.request(version: 9)]
        var wrong = fleet.request()
        wrong.parameters = #"{"epochs":0}"#
        requests.append(wrong)
        wrong.parameters = "[]"
        requests.append(wrong)
        for request in requests {
            await #expect(throws: ControllerError.self) {
                try await fleet.controller.training.start(request, by: olga)
            }
        }
        await #expect(throws: ControllerError.self) {
            try await fleet.controller.training.start(fleet.request(), by: Identity(name: "v", role: .viewer))
        }
    }

    @Test(
        "a trainer that breaks the contract fails its run and opens an alert",
        arguments: [
            ("echo 'out of memory'; exit 3", "out of memory"), ("exit 0", "metrics.json"),
            (
                #"echo '{"format":1,"trainer":"t","predictions":[1]}' > "$1/metrics.json"; echo x > "$1/model.onnx""#,
                "1 classes"
            ),
            ("echo '{' > \"$1/metrics.json\"", "model.onnx"),
        ])
    func broken(_ script: String, _ reason: String) async throws {
        let fleet = try LearningFleet(trainers: ["own": ["/bin/sh", "-c", script, "sh"]])
        try await fleet.importFrames()
        let run = try await fleet.finish(
            fleet.controller.training.start(fleet.request(trainer: "own"), by: olga).id)
        #expect(run.state == .failed)
        #expect(run.failure?.contains(reason) == true, "\(run.failure ?? "")")
        let alerts = try await fleet.alerts(.training)
        #expect(alerts.count == 1)
        let next = try await fleet.finish(fleet.controller.training.start(fleet.request(), by: olga).id)
        #expect(next.state == .succeeded)
        #expect(try await fleet.alerts(.training).isEmpty)
    }

    @Test("any executable that keeps the contract may train")
    func foreignTrainer() async throws {
        let fleet = try LearningFleet()
        try await fleet.importFrames()
        // What the built-in trainer leaves, handed over by a program that is not it.
        let template = JobFolder(fleet.folder.appending(path: "template"))
        let learning = try await fleet.learningSet()
        try template.write(
            model: "m", set: learning.set,
            manifest: JobManifest(
                model: "m", input: LearningFleet.input, classes: LearningFleet.classes,
                normalisation: Normalisation(fitting: learning.set), seed: 1),
            configuration: Array(LearningFleet.parameters.utf8), champion: nil)
        try await BuiltInTrainer.run(template, workers: 1) { _ in }
        let script = """
            test -f "$1/shards/000000.tar" || exit 1
            echo '{"event":"epoch","progress":0.5}'
            cp "\(template.url.path())/model.onnx" "\(template.url.path())/metrics.json" "$1"
            """
        let other = try LearningFleet(trainers: ["own": ["sh", "-c", script, "sh"]])
        try await other.importFrames()
        let run = try await other.finish(
            other.controller.training.start(other.request(trainer: "own"), by: olga).id)
        #expect(run.state == .succeeded, "\(run.failure ?? "")")
        #expect(run.log.contains("\"progress\":0.5"))
        _ = fleet
    }

    @Test("a run that was cut off begins again, and its version is registered once")
    func restart() async throws {
        let fleet = try LearningFleet()
        try await fleet.importFrames()
        let id = try await fleet.controller.training.start(fleet.request(), by: olga).id
        func forceRunning() async throws {
            try await fleet.controller.store.database.write { database in
                try database.execute(sql: "UPDATE training_run SET state = 'running', number = NULL")
            }
        }
        try await forceRunning()
        let first = try await fleet.finish(id)
        #expect(first.state == .succeeded)
        try await forceRunning()
        let second = try await fleet.finish(id)
        #expect(second.number == first.number)
        let versions = try await fleet.controller.store.database.read { try VersionRecord.fetchCount($0) }
        #expect(versions == 1)
    }

    @Test("a cancelled run's trainer is stopped")
    func cancel() async throws {
        let fleet = try LearningFleet(trainers: ["slow": ["/bin/sh", "-c", "echo started; exec sleep 60", "sh"]])
        try await fleet.importFrames()
        let training = fleet.controller.training
        let id = try #require(try await training.start(fleet.request(trainer: "slow"), by: olga).id)
        let working = Task { await training.run() }
        defer { working.cancel() }
        while try await !training.get(id).log.contains("started") { try await Task.sleep(for: .milliseconds(50)) }
        _ = try await training.cancel(id, by: olga)
        let next = try await training.start(fleet.request(), by: olga)
        let start = ContinuousClock.now
        while try await !training.get(try #require(next.id)).state.isFinal {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(ContinuousClock.now - start < .seconds(40))
        #expect(try await training.get(id).state == .cancelled)
    }

    @Test("a trainer that takes too long is stopped, killed when it does not listen, and its run fails with the limit")
    func timeLimit() async throws {
        let script = "trap '' TERM; echo started; sleep 60 & while true; do wait; done"
        let fleet = try LearningFleet(trainers: ["slow": ["/bin/sh", "-c", script, "sh"]]) {
            $0.trainingLimit = .seconds(1)
            $0.trainerGrace = .seconds(1)
        }
        try await fleet.importFrames()
        let start = ContinuousClock.now
        let run = try await fleet.finish(
            fleet.controller.training.start(fleet.request(trainer: "slow"), by: olga).id)
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(run.state == .failed)
        #expect(run.failure?.contains("longer than 1 s") == true, "\(run.failure ?? "")")
        #expect(run.log.contains("started"))
    }

    @Test("a trainer sees only the environment that it is given")
    func environment() async throws {
        setenv("MARTLET_TOKEN_OF_THIS_TEST", "secret", 1)
        setenv("MARTLET_TEST_DEVICES", "0,1", 1)
        defer { unsetenv("MARTLET_TOKEN_OF_THIS_TEST") }
        let fleet = try LearningFleet(trainers: ["env": ["/bin/sh", "-c", "/usr/bin/env; exit 1", "sh"]]) {
            $0.trainerEnvironment = ["MARTLET_TEST_DEVICES"]
        }
        try await fleet.importFrames()
        let run = try await fleet.finish(fleet.controller.training.start(fleet.request(trainer: "env"), by: olga).id)
        let names = Set(run.log.split(separator: "\n").compactMap { $0.split(separator: "=").first.map(String.init) })
        #expect(names.contains("MARTLET_TEST_DEVICES"))
        #expect(names.contains("PATH"))
        // The shell adds some of its own.
        let usual: Set = ["PATH", "HOME", "TMPDIR", "LANG", "MARTLET_TEST_DEVICES", "PWD", "OLDPWD", "SHLVL", "_"]
        #expect(names.subtracting(usual) == [])
    }

    @Test("a candidate that does not gain what its gates ask is refused, and its champion is its start")
    func gates() async throws {
        let fleet = try LearningFleet()
        let champion = try await fleet.firstRelease()
        var request = fleet.request()
        request.gates = CandidateGates(minimumImprovement: 0.5)
        let refused = try await fleet.finish(fleet.controller.training.start(request, by: olga).id)
        #expect(refused.state == .failed)
        #expect(refused.failure?.contains("refused") == true)
        #expect(refused.championNumber == champion.number)
        request.gates = CandidateGates(maximumRegression: 1, minimumImprovement: -1)
        let accepted = try await fleet.finish(fleet.controller.training.start(request, by: olga).id)
        #expect(accepted.state == .succeeded, "\(accepted.failure ?? "")")
        #expect(accepted.metrics.contains("\"warmStart\":true"))
    }
}

extension LearningFleet {
    func learningSet(version: Int = 1) async throws -> LearningSet {
        let dataset = try #require(
            try await controller.store.database.read { try DatasetRecord.fetchOne($0, key: "d") })
        return try LearningSet(dataset, items: try await controller.datasets.items("d", version: version))
    }
}
