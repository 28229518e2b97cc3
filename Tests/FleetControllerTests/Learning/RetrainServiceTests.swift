import FleetModel
import FleetStore
import Foundation
import GRDB
import Testing
import Training

@testable import FleetController

@Suite("from trigger to release")
struct RetrainServiceTests {
    private let olga = LearningFleet.operatorIdentity
    private static let policy = """
        {"kind":"retrain","model":"m","require":"all","cooldownSeconds":0,"trainer":"builtin",
         "triggers":{"drift":{"devices":2},"annotations":{"count":60}},"parameters":\(LearningFleet.parameters),
         "gates":{"maximumRegression":1,"minimumImprovement":-1},
         "rollout":{"selector":"*","waves":[{"name":"canary","share":0.5},{"name":"rest","share":1}]}}
        """

    private func look(_ fleet: LearningFleet) async throws -> PolicyRecord {
        func stored() async throws -> PolicyRecord {
            try #require(try await fleet.controller.store.database.read { try PolicyRecord.fetchOne($0, key: "p") })
        }
        try await fleet.controller.retraining.look(try await stored())
        return try await stored()
    }

    private func drift(_ fleet: LearningFleet, devices: Int) async throws {
        let now = Instant.now()
        try await fleet.provisionLeft()
        try await fleet.controller.store.database.write { database in
            for index in 0..<devices {
                let device = DeviceID(unchecked: "l\(index)")
                try DriftPointRecord(
                    device: device, slot: .main, release: SHA.zeros, feature: "a", at: now, psi: 3, threshold: 1,
                    inferences: 100
                ).insert(database)
                var changes: [ChangeEvent] = []
                try AlertBook.open(
                    database,
                    AlertCondition(
                        fingerprint: "drift:\(device)", kind: .drift, severity: .warning, subject: device.text,
                        title: "drift", reason: "", action: ""), at: now, changes: &changes)
            }
        }
    }

    @Test("drift and annotations together lead to one training and one candidate release")
    func wholeWay() async throws {
        let fleet = try LearningFleet()
        let champion = try await fleet.firstRelease()
        _ = try await fleet.controller.policies.put("p", kind: .retrain, document: Self.policy, by: olga)
        #expect(try await look(fleet).state.contains("watching"))
        try await drift(fleet, devices: 2)
        _ = try await look(fleet)
        try await fleet.insertSamples(60, of: champion)
        #expect(try await look(fleet).state.contains("\"phase\":\"training\""))
        _ = try await look(fleet)
        let runs = try await fleet.controller.store.database.read { database in
            try TrainingRunRecord.filter(Column("policy") == "p").fetchAll(database)
        }
        #expect(runs.count == 1)
        #expect(runs.first?.reason.contains("60 new annotations") == true)
        let run = try await fleet.finish(runs.first?.id)
        #expect(run.state == .succeeded, "\(run.failure ?? "")")
        let learning = try await fleet.learningSet(version: run.datasetVersion)
        #expect(learning.set.frames.count > 240)
        #expect(try await look(fleet).state.contains("approving"))
        #expect(try await look(fleet).state.contains("approving"))
        let release = try await fleet.controller.releases.get(ReleaseName(unchecked: "m-2"))
        #expect(release.record.stage == .candidate)
        try await fleet.setStage(release.record.name, .approved)
        #expect(try await look(fleet).state.contains("watching"))
        let rollouts = try await fleet.controller.store.database.read { try RolloutRecord.fetchAll($0) }
        #expect(rollouts.map(\.state) == [.running])
        #expect(rollouts.first?.trainingRun == run.id)
        #expect(try await fleet.controller.store.database.read { try TriggerLogRecord.fetchCount($0) } == 2)
    }

    @Test("a restart between decision and start finds the run instead of making another")
    func restart() async throws {
        let fleet = try LearningFleet()
        let champion = try await fleet.firstRelease()
        _ = try await fleet.controller.policies.put("p", kind: .retrain, document: Self.policy, by: olga)
        _ = try await look(fleet)
        try await drift(fleet, devices: 2)
        try await fleet.insertSamples(60, of: champion)
        let after = try await look(fleet)
        // As it was stored before the run's number was known.
        let before = after.state.replacing(#/"run":\d+,?/#, with: "")
        try await fleet.controller.store.database.write { database in
            try database.execute(sql: "UPDATE policy SET state = ?", arguments: [before])
        }
        #expect(try await look(fleet).state == after.state)
        let runs = try await fleet.controller.store.database.read { database in
            try TrainingRunRecord.filter(Column("policy") == "p").fetchCount(database)
        }
        #expect(runs == 1)
    }

    @Test(
        "a policy's mistakes are told when it is put",
        arguments: [
            #"{"model":"m","triggers":{}}"#, #"{"triggers":{"drift":{}}}"#,
            #"{"model":"m","triggers":{"annotations":{"count":0}}}"#,
            #"{"model":"m","triggers":{"drift":{}},"require":"some"}"#,
            #"{"model":"m","triggers":{"drift":{}},"parameters":{"epochs":0}}"#,
            #"{"model":"m","triggers":{"drift":{}},"gates":{"maximumRegression":2}}"#,
            #"{"model":"m","triggers":{"drift":{}},"rollout":{"waves":[]}}"#,
            #"{"model":"m","triggers":{"drift":{}},"selector":"side"}"#,
        ])
    func mistakes(_ document: String) async throws {
        let fleet = try LearningFleet()
        await #expect(throws: ControllerError.self) {
            try await fleet.controller.policies.put("p", kind: .retrain, document: document, by: olga)
        }
    }

    @Test("a group's accuracy is estimated with an interval, and an alert opens when the promise is broken")
    func accuracy() async throws {
        let fleet = try LearningFleet()
        let champion = try await fleet.firstRelease()
        try await fleet.insertSamples(9, of: champion)
        try await fleet.controller.accuracy.update()
        func estimates() async throws -> [AccuracyEstimateRecord] {
            try await fleet.controller.store.queries.accuracy()
        }
        #expect(try await estimates().isEmpty)
        try await fleet.insertSamples(40, of: champion, from: 2000)
        try await fleet.controller.accuracy.update()
        try await fleet.controller.accuracy.update()
        let found = try await estimates()
        #expect(Set(found.map(\.groupKey)) == ["*", "side=L"])
        #expect(found.count == 2)
        #expect(found.allSatisfy { $0.estimate == 0 && $0.high < 0.15 && $0.labels == 49 })
        let alerts = try await fleet.alerts(.accuracy)
        #expect(alerts.count == 2)
        #expect(alerts.allSatisfy { $0.occurrences == 1 })
    }
}

/// A digest that means nothing.
enum SHA {
    static let zeros = Digest(hex: String(repeating: "00", count: 32))!
}
