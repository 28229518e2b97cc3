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

    /// Lets devices run a release, with a verdict on it and an open alert.
    private func drift(_ fleet: LearningFleet, devices: Int, of release: String = "m-1") async throws {
        let now = Instant.now()
        try await fleet.provisionLeft()
        try await fleet.controller.store.database.write { database in
            let name = ReleaseName(unchecked: release)
            let digest = try #require(try ReleaseRecord.fetchOne(database, key: name)?.digest)
            for index in 0..<devices {
                let device = DeviceID(unchecked: "l\(index)")
                try DeviceSlotRecord(device: device, slot: .main, champion: digest).save(database)
                try DriftPointRecord(
                    device: device, slot: .main, release: digest, feature: "a", at: now, psi: 3, threshold: 1,
                    inferences: 100
                ).insert(database)
                var changes: [ChangeEvent] = []
                try AlertBook.open(
                    database,
                    AlertCondition(
                        fingerprint: DriftReading.fingerprint(device, .main), kind: .drift, severity: .warning,
                        subject: device.text,
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

    @Test("drift of one model's devices does not retrain another, and closed verdicts of earlier releases do not count")
    func otherModel() async throws {
        let fleet = try LearningFleet()
        _ = try await fleet.firstRelease()
        let other = Self.policy.replacing(#""model":"m""#, with: #""model":"other""#)
            .replacing(#","annotations":{"count":60}"#, with: "")
        _ = try await fleet.controller.policies.put("p", kind: .retrain, document: other, by: olga)
        try await drift(fleet, devices: 3)
        #expect(try await look(fleet).state.contains("watching"))
        let own = Self.policy.replacing(#","annotations":{"count":60}"#, with: "")
        _ = try await fleet.controller.policies.put("p", kind: .retrain, document: own, by: olga)
        // The devices run something else by now: what they said of version 1 is past.
        let slots = "UPDATE device_slot SET champion = ?"
        let champion = try await fleet.controller.store.database.write { database in
            let digest = try Digest.fetchOne(database, sql: "SELECT champion FROM device_slot")
            try database.execute(sql: slots, arguments: [Digest([UInt8](repeating: 0, count: 32))])
            return digest
        }
        #expect(try await look(fleet).state.contains("watching"))
        try await fleet.controller.store.database.write { try $0.execute(sql: slots, arguments: [champion]) }
        #expect(try await look(fleet).state.contains("\"phase\":\"training\""))
    }

    @Test(
        "a policy that cannot be followed keeps no other from its turn, says so once, and rests before it tries again")
    func brokenPolicy() async throws {
        let fleet = try LearningFleet()
        let champion = try await fleet.firstRelease()
        let document = Self.policy.replacing(#""require":"all""#, with: #""require":"any""#)
        for name in ["a", "b"] {
            _ = try await fleet.controller.policies.put(name, kind: .retrain, document: document, by: olga)
        }
        func turn(_ trouble: inout PolicyTrouble) async throws -> [AlertRecord] {
            try await fleet.controller.retraining.turn(&trouble)
            return try await fleet.alerts(.training)
        }
        var trouble = PolicyTrouble()
        #expect(try await turn(&trouble).isEmpty)
        // As a broken disk or a later version of the controller would leave it.
        try await fleet.controller.store.database.write { database in
            try database.execute(sql: "UPDATE policy SET document = '{}' WHERE name = 'a'")
        }
        try await fleet.insertSamples(60, of: champion)
        let alerts = try await turn(&trouble)
        #expect(alerts.map(\.subject) == ["a"])
        #expect(alerts.first?.title == "Policy a cannot be followed")
        let states = try await fleet.controller.store.database.read { database in
            try PolicyRecord.order(Column("name")).fetchAll(database).map { $0.state.contains("training") }
        }
        #expect(states == [false, true])
        #expect(try await turn(&trouble).map(\.occurrences) == [1], "tried again without a pause")
        _ = try await fleet.controller.policies.put("a", kind: .retrain, document: document, by: olga)
        #expect(try await fleet.alerts(.training).isEmpty)
    }

    @Test("pauses between attempts grow to their limit and end with the trouble")
    func pauses() {
        var trouble = PolicyTrouble()
        var now = Instant.epoch
        var pauses: [Int64] = []
        for _ in 0..<10 {
            trouble.note("p", at: now)
            let start = now
            while !trouble.mayTry("p", at: now) { now = now.advanced(by: .seconds(1)) }
            pauses.append(now.since(start).milliseconds / 1000)
        }
        #expect(pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
        let forgotten = [trouble.forget("p"), trouble.forget("p")]
        #expect(forgotten == [true, false])
        #expect(trouble.mayTry("p", at: .epoch))
    }

    @Test("the estimate of all devices weighs each group by its inferences, not by its annotations")
    func everyone() async throws {
        let fleet = try LearningFleet()
        let champion = try await fleet.firstRelease()
        // 40 annotations of left devices, all wrong; 10 of right ones, all right; 1 inference in 5 is a left one.
        try await fleet.insertSamples(40, of: champion)
        try await fleet.insertRightSamples(10, of: champion)
        try await fleet.insertReport("l0", inferences: 200, of: champion)
        try await fleet.insertReport("r0", inferences: 800, of: champion)
        try await fleet.controller.accuracy.update()
        let found = try await fleet.controller.store.queries.accuracy()
        let values = Dictionary(uniqueKeysWithValues: found.map { ($0.groupKey, $0) })
        #expect(values["side=L"]?.estimate == 0)
        #expect(values["side=R"]?.estimate == 1)
        let all = try #require(values["*"])
        #expect(abs(all.estimate - 0.8) < 1e-9)
        #expect(all.labels == 50)
        #expect(all.low < 0.75 && all.high > 0.85)
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
