public import FleetModel
import Sketches

/// One thing that goes wrong in a world.
public struct Fault: Hashable, Sendable {
    /// Milliseconds from the world's beginning.
    public var time: Int64
    public var kind: Kind

    /// What goes wrong. Devices are counted from 0; durations are milliseconds.
    public enum Kind: Hashable, Sendable {
        /// A device loses power, with whatever was not synced.
        case power(device: Int, off: Int64)
        /// A device loses power at its `operations`-th durable operation from then on.
        case powerAtOperation(device: Int, operations: Int, off: Int64)
        /// A device loses power at this durable operation, counted from its beginning, and once more at that one after
        /// the boot.
        case cuts(device: Int, first: Int, second: Int?)
        /// A device loses power at the `operations`-th durable operation after its next pull has begun.
        case powerInPull(device: Int, operations: Int, off: Int64)
        /// A device's agent is killed and started again; its disk keeps everything.
        case kill(device: Int, off: Int64)
        /// A device is cut off from the broker.
        case partition(device: Int, duration: Int64)
        /// The controller's machine loses power.
        case controllerPower(off: Int64)
        case controllerPowerAtOperation(operations: Int, off: Int64)
        case controllerPartition(duration: Int64)
        /// The broker goes away and comes back, with what it last saved or with nothing.
        case broker(off: Int64, persists: Bool)
        /// The broker forgets this share of its retained messages, in percent.
        case retainedLoss(percent: Int)
        /// One retained chunk changes at the broker.
        case badChunk(release: Int, chunk: Int)
        /// A device's wall clock is set forward or back.
        case clock(device: Int, by: Int64)
        /// A device restarts without a battery-backed clock: in 1970.
        case bootIn1970(device: Int)
        /// A bit of the image that a device runs flips on its disk.
        case rot(device: Int)
        /// A device's disk has no room for a while.
        case diskFull(device: Int, duration: Int64)
        /// Messages are lost, doubled and late for a while.
        case storm(duration: Int64)
        /// Somebody at the broker offers a device what it must not run.
        case attack(device: Int, attack: Int)
        /// Somebody at the broker shows a device its oldest desired document again.
        case replay(device: Int)
        /// Somebody at the broker swaps a blob for another one of the same size.
        case swap(release: Int)
    }

    public init(time: Int64, kind: Kind) {
        self.time = time
        self.kind = kind
    }
}

/// What a world is to live through: drawn from a seed, written by people, or cut down to the shortest that still fails.
public struct WorldPlan: Hashable, Sendable {
    /// What is rolled out, in the order of beginning.
    var rollouts: [PlannedRollout]
    public var faults: [Fault]
    /// After this nothing goes wrong any more, and everything heals.
    public var heal: Int64
    /// Milliseconds after healing in which everything must have come about.
    var patience: Int64 = 1_200_000
    /// Milliseconds between two frames of a device, until sensors rest.
    var framePause: Int64 = 5000
    /// The network when there is no storm.
    var weather = Weather()
    /// Sensors do not rest before devices have sent so many reports.
    var fewestReports = 0
    /// What is particular to each device; devices beyond the list are ordinary.
    var surroundings: [DeviceSurroundings] = []
    /// Somebody has written assertions about how it ends: releases need not come to all devices, drift is judged, and a
    /// chronicle is kept.
    var isScenario = false

    /// Milliseconds of faults in a world that a seed draws.
    public static let faultyTime: Int64 = 150_000
    /// Milliseconds between the beginnings of two rollouts: less than some take.
    private static let rolloutPause: Int64 = 45_000

    /// Three rollouts and five faults or more. The last rollout is for all devices; one before it may leave out half of
    /// them, so that devices come to a release from different ones.
    public init(seed: UInt64) {
        var chance = SeededGenerator(seed: seed, name: "plan")
        let hasBroken = chance.happens(0.3)
        let names = hasBroken ? ["sound-1", "broken", "sound-2"] : ["sound-1", "sound-2", "sound-3"]
        rollouts = names.enumerated().map { index, name in
            PlannedRollout(name: name, time: Int64(index) * Self.rolloutPause + chance.pick(1000...12_000))
        }
        for index in rollouts.indices.dropLast() { rollouts[index].selector = Self.drawnSelector(&chance) }
        heal = Self.faultyTime
        fewestReports = 50
        var drawn = (0..<chance.pick(5...9)).map { _ in
            Fault(time: chance.pick(2000...Self.faultyTime - 20_000), kind: Fault.Kind(drawn: &chance))
        }
        for index in drawn.indices { drawn[index].meet(rollouts, &chance) }
        faults = drawn.sorted { $0.time < $1.time }
    }

    /// All devices, or those of one side.
    private static func drawnSelector(_ chance: inout SeededGenerator) -> Selector {
        let sides = ["L", "R"]
        guard let side = sides.dropFirst(Int(chance.below(3))).first else { return .all }
        return Selector(terms: [Selector.Term(key: "side", isEqual: true, values: [side])])
    }

    init(rollouts: [PlannedRollout], faults: [Fault], heal: Int64) {
        self.rollouts = rollouts
        self.faults = faults
        self.heal = heal
    }

    func surroundings(of device: Int) -> DeviceSurroundings {
        surroundings.indices.contains(device) ? surroundings[device] : DeviceSurroundings()
    }
}

/// A rollout that a person starts.
public struct PlannedRollout: Hashable, Sendable {
    /// The release's name.
    public var name: String
    /// Milliseconds from the world's beginning.
    public var time: Int64
    /// Which devices take part.
    public var selector = Selector.all
    public var waves: [Wave]

    /// To half of the devices and then to all.
    public init(name: String, time: Int64) {
        self.name = name
        self.time = time
        let gate = Gate(minimumReceipts: 0.6, maximumFailures: 0.5, soak: .seconds(2))
        waves = [
            Wave(name: "half", cumulativeShare: 0.5, gate: gate, deadline: .minutes(30)),
            Wave(name: "all", cumulativeShare: 1, gate: gate, deadline: .minutes(30)),
        ]
    }

    /// The same release once more, to all at once and whatever becomes of it.
    var again: PlannedRollout {
        var again = self
        let gate = Gate(minimumReceipts: 1, maximumFailures: 1, soak: .seconds(2))
        again.waves = [Wave(name: "all", cumulativeShare: 1, gate: gate, deadline: .minutes(30))]
        return again
    }
}

/// What is around one device.
struct DeviceSurroundings: Hashable, Sendable {
    var sensor = Sensor()
    /// A network worse than the world's; nil without one.
    var weather: Weather?
    var diskBytes = 64 << 20
}

extension Fault {
    /// What aims at an image comes while devices pull it: at any other time nobody would notice.
    fileprivate mutating func meet(_ rollouts: [PlannedRollout], _ chance: inout SeededGenerator) {
        switch kind {
        case .swap(let release), .badChunk(let release, _):
            time = rollouts[release].time + chance.pick(0...Self.pullTime)
        default: break
        }
    }

    /// Milliseconds after a rollout's beginning in which most devices pull.
    private static let pullTime: Int64 = 30_000
}

extension Fault.Kind {
    /// Draws one: power cuts most often, for they are what breaks devices.
    init(drawn chance: inout SeededGenerator, devices: Int = Fixture.deviceCount, releases: Int = 3) {
        let device = Int(chance.below(UInt64(devices)))
        let release = Int(chance.below(UInt64(releases)))
        let pause = chance.pick(500...30_000)
        switch chance.below(30) {
        case 0...2: self = .power(device: device, off: pause)
        case 3...7: self = .powerAtOperation(device: device, operations: Int(chance.pick(1...200)), off: pause)
        case 8: self = .kill(device: device, off: pause)
        case 9: self = .partition(device: device, duration: pause)
        case 10: self = .controllerPower(off: pause)
        case 11, 12: self = .controllerPowerAtOperation(operations: Int(chance.pick(1...400)), off: pause)
        case 13: self = .controllerPartition(duration: pause)
        case 14: self = .broker(off: pause, persists: chance.happens(0.5))
        case 15: self = .retainedLoss(percent: Int(chance.pick(5...60)))
        case 16: self = .badChunk(release: release, chunk: Int(chance.below(UInt64(Fixture.chunks))))
        case 17: self = .clock(device: device, by: chance.pick(-600_000...600_000))
        case 18: self = .bootIn1970(device: device)
        case 19: self = .rot(device: device)
        case 20: self = .diskFull(device: device, duration: pause)
        case 21: self = .storm(duration: pause)
        case 22, 23: self = .attack(device: device, attack: Int(chance.below(UInt64(Attack.allCases.count))))
        case 24: self = .replay(device: device)
        case 25...28: self = .powerInPull(device: device, operations: Int(chance.pick(1...48)), off: pause)
        default: self = .swap(release: release)
        }
    }
}
