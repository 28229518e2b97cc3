import FleetModel
import RolloutCore

/// A fleet `d0…`, a plan and a script of events, played on a real machine.
struct RolloutScript {
    static let release = Digest([UInt8](repeating: 2, count: 32))!
    static let before = Digest([UInt8](repeating: 1, count: 32))!
    static let other = Digest([UInt8](repeating: 9, count: 32))!

    var waves: [Wave]
    var devices = 4
    /// (seconds, event).
    var events: [(Int64, RolloutEvent)]
    /// Restores the machine from its snapshot before every event, as after a kill.
    var isKilledAtEveryStep = false
    /// Feeds every event that often, as an at-least-once transport may.
    var repetitions = 1

    /// The names of the fleet.
    static func device(_ index: Int) -> DeviceID { DeviceID(unchecked: "d\(index)") }

    static func candidate(_ index: Int, champion: Digest? = before) -> RolloutCandidate {
        RolloutCandidate(
            device: device(index), tags: ["parity": index.isMultiple(of: 2) ? "even" : "odd"], champion: champion)
    }

    /// The fleet joins, then the plan is submitted, approved and started at 0 s.
    static func started(_ count: Int, champion: Digest? = before) -> [RolloutEvent] {
        [.devices((0..<count).map { candidate($0, champion: champion) })]
            + [.submit, .approve, .start].map { .command($0, reason: "") }
    }

    func play() -> (machine: RolloutMachine, actions: [RolloutAction]) {
        let plan = RolloutPlan(release: Self.release, selector: .all, waves: waves)
        var machine = RolloutMachine(id: "7", plan: plan)
        var actions: [RolloutAction] = []
        for (seconds, event) in Self.started(devices).map({ (0, $0) }) + events {
            for _ in 0..<repetitions {
                if isKilledAtEveryStep {
                    machine = RolloutMachine(id: machine.id, plan: plan, snapshot: machine.snapshot)
                }
                actions += machine.handle(event, at: Instant(milliseconds: seconds * 1000))
            }
        }
        return (machine, actions)
    }
}

/// Short forms for scripts.
extension RolloutEvent {
    static func receipt(_ index: Int) -> RolloutEvent {
        .receipt(RolloutScript.device(index), release: RolloutScript.release)
    }

    static func failed(_ index: Int, _ failure: InstallFailure = .proofFailed) -> RolloutEvent {
        .failed(RolloutScript.device(index), release: RolloutScript.release, failure: failure, detail: "said so")
    }

    static func settled(_ index: Int, _ champion: Digest? = RolloutScript.before) -> RolloutEvent {
        .settled(RolloutScript.device(index), champion: champion)
    }

    static func command(_ command: RolloutCommand) -> RolloutEvent { .command(command, reason: "asked") }
}

extension [RolloutAction] {
    /// Devices that were offered the release, in order.
    var offered: [String] {
        compactMap { action in
            guard case .offer(let offer) = action else { return nil }
            return offer.device.text
        }
    }

    /// Devices that were sent back.
    var withdrawn: [String] {
        compactMap { action in
            guard case .withdraw(let device, _) = action else { return nil }
            return device.text
        }
    }
}
