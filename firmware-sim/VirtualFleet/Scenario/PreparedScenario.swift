import DeviceHost
import FleetModel
import Foundation
import Sketches

/// A scenario whose keys, devices and releases are made: any number of runs begin with it.
public final class PreparedScenario: Sendable {
    /// What is run.
    public let scenario: Scenario
    let fixture: Fixture
    private let members: [Member]
    private let certain: [Fault]

    /// One device of the fleet.
    struct Member: Sendable {
        let id: DeviceID
        let tags: [String: String]
        let group: Scenario.Group

        func isMeant(by selector: Selector) -> Bool { selector.matches(id, tags: tags) }
    }

    init(_ scenario: Scenario) async throws {
        self.scenario = scenario
        members = try Self.members(of: scenario)
        certain = try Self.certain(scenario, members)
        var plan = FixturePlan()
        plan.machines = members.map { FixturePlan.Machine(id: $0.id, tags: $0.tags) }
        plan.policy = scenario.policy
        plan.sensor = scenario.sensor
        plan.models = try scenario.releases.enumerated().map { index, release in
            switch release.source {
            case .builtIn(let isSound):
                FixturePlan.Model(
                    name: release.name.text, source: .tiny(gain: Float(index + 1)), isSound: isSound)
            case .onnx(let path):
                FixturePlan.Model(name: release.name.text, source: .onnx(try Self.bytes(of: path)), isSound: true)
            }
        }
        fixture = try await Fixture(plan)
    }

    private static func bytes(of path: String) throws(ScenarioError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ScenarioError(.unreadable, "\(path) cannot be read")
        }
        return [UInt8](data)
    }

    private static func members(of scenario: Scenario) throws -> [Member] {
        let count = scenario.groups.reduce(0) { $0 + $1.count }
        guard (1...Scenario.Limits.devices).contains(count) else {
            throw ScenarioError(.tooMany, "\(count) devices: a scenario has 1 to \(Scenario.Limits.devices)")
        }
        return try scenario.groups.flatMap { group in
            try (0..<group.count).map { index in
                Member(id: try DeviceID("\(group.name)-\(index + 1)"), tags: group.tags, group: group)
            }
        }
    }

    /// The devices that a selector picks, by their place in the fleet.
    func devices(_ selector: Selector) -> [Int] {
        members.indices.filter { members[$0].isMeant(by: selector) }
    }

    func name(of device: Int) -> String { members[device].id.text }

    // MARK: Running

    /// Lives through the scenario once.
    public func run(seed: UInt64) async -> ScenarioOutcome {
        let start = Explorer.cpuSeconds
        let outcome = await World(seed: seed, plan: plan(seed: seed), fixture: fixture).run()
        return judge(outcome, seed: seed, cpuSeconds: Explorer.cpuSeconds - start)
    }

    func plan(seed: UInt64) -> WorldPlan {
        var plan = WorldPlan(rollouts: scenario.rollouts, faults: faults(seed: seed), heal: scenario.duration)
        plan.framePause = scenario.framePause
        plan.weather = scenario.network
        plan.patience = scenario.settle
        plan.isScenario = true
        plan.surroundings = members.map { member in
            DeviceSurroundings(
                sensor: member.group.sensor ?? scenario.sensor, weather: member.group.network,
                diskBytes: member.group.diskBytes)
        }
        return plan
    }

    private func faults(seed: UInt64) -> [Fault] {
        var chance = SeededGenerator(seed: seed, name: "scenario faults")
        var faults = certain
        for trouble in scenario.troubles {
            guard case .drawn(let count, let until) = trouble.target else { continue }
            faults += (0..<count).map { _ in
                Fault(
                    time: chance.pick(trouble.time...max(trouble.time, until)),
                    kind: Fault.Kind(drawn: &chance, devices: members.count, releases: scenario.rollouts.count))
            }
        }
        return faults.sorted { $0.time < $1.time }
    }

    /// The faults that no seed changes. Those that it draws count as well.
    private static func certain(_ scenario: Scenario, _ members: [Member]) throws(ScenarioError) -> [Fault] {
        var faults: [Fault] = []
        for trouble in scenario.troubles {
            switch trouble.target {
            case .everybody(let kind): faults.append(Fault(time: trouble.time, kind: kind))
            case .devices(let selector, let kind):
                let meant = members.indices.filter { members[$0].isMeant(by: selector) }
                if meant.isEmpty { throw ScenarioError(.noDevice, "no device is picked by '\(selector)'") }
                faults += meant.map { Fault(time: trouble.time, kind: kind($0)) }
            case .drawn: continue
            }
        }
        let drawn = scenario.troubles.reduce(0) { sum, trouble in
            if case .drawn(let count, _) = trouble.target { sum + count } else { sum }
        }
        guard faults.count + drawn <= Scenario.Limits.faults else {
            throw ScenarioError(.tooMany, "\(faults.count + drawn) faults, at most \(Scenario.Limits.faults)")
        }
        return faults
    }
}
