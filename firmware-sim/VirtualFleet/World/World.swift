import DeviceHost
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Sketches
import Synchronization

/// Twenty devices, a broker and a controller in virtual time, with a plan of what goes wrong. The same seed and plan
/// give the same world, event by event.
///
/// `@unchecked Sendable`: a world is worked on by one task at a time.
final class World: @unchecked Sendable {
    let seed: UInt64
    let plan: WorldPlan
    let fixture: Fixture
    let bugs: PlantedBugs
    let queue = EventQueue()
    let broker: VirtualBroker
    let inspector = Inspector()
    private(set) var devices: [VirtualDevice] = []
    private(set) lazy var checker = Checker(world: self, devices: devices.count)
    private(set) lazy var controller = VirtualController(world: self, mount: "w\(number)-controller")
    private let number: Int
    private var chance: SeededGenerator
    private var fingerprint: UInt64 = 0xcbf2_9ce4_8422_2325
    private let keepsTrace: Bool
    private var lines: [String] = []

    private static let numbers = Mutex(0)

    init(
        seed: UInt64, plan: WorldPlan, fixture: Fixture, bugs: PlantedBugs = [], deviceCount: Int? = nil,
        keepsTrace: Bool = false
    ) {
        self.seed = seed
        self.plan = plan
        self.fixture = fixture
        self.bugs = bugs
        self.keepsTrace = keepsTrace
        broker = VirtualBroker(queue: queue, seed: seed)
        broker.weather = plan.weather
        chance = SeededGenerator(seed: seed, name: "world")
        number = Self.numbers.withLock { number in
            number += 1
            return number
        }
        devices = (0..<(deviceCount ?? fixture.devices.count)).map {
            VirtualDevice(index: $0, world: self, mount: "w\(number)-\($0)")
        }
    }

    /// The true time.
    var now: Instant { Fixture.beginning.advanced(by: Interval(milliseconds: queue.now)) }
    /// What assertions are judged by, in a scenario.
    var chronicle = Chronicle()
    var lastRelease: FixtureRelease? { plan.rollouts.last.flatMap { fixture.releases[$0.name] } }
    /// Some time after healing sensors rest, so that the world can come to an end.
    private var isQuiet: Bool {
        queue.now > plan.heal + 20_000 && checker.reports >= plan.fewestReports
    }

    // MARK: Trace

    enum TraceKind: UInt64 { case powerLost, rollout, notice, violation, fault, note }

    /// Notes what happened: always in the fingerprint, in words if somebody wants to read them.
    func trace(_ kind: TraceKind, _ subject: Int, _ text: () -> String) {
        for word in [UInt64(bitPattern: queue.now), kind.rawValue, UInt64(bitPattern: Int64(subject))] {
            fingerprint = (fingerprint ^ word) &* 0x100_0000_01b3
        }
        if keepsTrace { lines.append("step \(queue.step) \(Double(queue.now) / 1000) s: \(text())") }
    }

    // MARK: Life

    /// Lives through the plan, heals, and waits until everything has come about.
    func run() async -> WorldOutcome {
        controller.boot()
        for device in devices { queue.schedule(after: chance.pick(0...3000)) { device.boot() } }
        schedulePlan()
        paceSensors()
        var hasConverged = false
        while let next = queue.next, next < plan.heal + plan.patience, checker.violations.isEmpty {
            queue.pop()?()
            if controller.hasWork { await controller.work() }
            if queue.step % 64 == 0, isQuiet, hasSettled(), hasArrived() {
                hasConverged = true
                break
            }
        }
        if checker.violations.isEmpty { judge(hasConverged: hasConverged) }
        if plan.isScenario { completeChronicle() }
        let outcome = WorldOutcome(
            seed: seed, violations: checker.violations, fingerprint: fingerprint, trace: lines, steps: queue.step,
            time: queue.now, reports: checker.reports, samples: checker.samples, commits: checker.commits,
            updateOperations: updateOperations, recoveryOperations: recoveryOperations,
            chronicle: plan.isScenario ? chronicle : nil)
        end()
        return outcome
    }

    /// Operations of the first device's disk from the last rollout's beginning to its commit.
    private var updateOperations: Range<Int>? {
        guard let start = operationsAtUpdate, let end = operationsAtEnd, start < end else { return nil }
        return start + 1..<end + 1
    }

    /// Operations from the first boot after a power cut to the last release's commit.
    private var recoveryOperations: Int {
        guard let start = devices.first?.operationsAtBoot, let end = operationsAtEnd else { return 0 }
        return max(0, end - start)
    }

    private var operationsAtUpdate: Int?
    private var operationsAtEnd: Int?

    /// The checker has seen a device commit the world's last release.
    func committedLast(_ device: VirtualDevice) {
        if device.index == 0, operationsAtEnd == nil { operationsAtEnd = device.flash.operations }
    }

    private func end() {
        for device in devices { device.end() }
        controller.end()
        // What is still due holds the world that holds it.
        queue.removeAll()
    }

    private func schedulePlan() {
        for rollout in plan.rollouts {
            queue.schedule(at: rollout.time) { [self] in startRollout(rollout, isRepeat: false) }
        }
        for fault in plan.faults {
            queue.schedule(at: fault.time) { [self] in
                guard queue.now < plan.heal else { return }
                trace(.fault, -1) { "fault: \(fault.kind)" }
                apply(fault.kind)
            }
        }
        queue.schedule(at: plan.heal) { [self] in heal() }
        saveBroker()
    }

    private func saveBroker() {
        queue.schedule(after: 15_000) { [self] in
            broker.save()
            saveBroker()
        }
    }

    /// Rollouts wait for the controller, as their operator would.
    private func startRollout(_ rollout: PlannedRollout, isRepeat: Bool) {
        guard controller.isUp else {
            return queue.schedule(after: 2000) { [self] in startRollout(rollout, isRepeat: isRepeat) }
        }
        if rollout == plan.rollouts.last, !isRepeat { operationsAtUpdate = devices.first?.flash.operations }
        controller.add(.rollout(isRepeat ? rollout.again : rollout))
    }

    private func paceSensors() {
        for device in devices {
            let offset = chance.pick(0...plan.framePause)
            queue.schedule(after: offset) { [self] in pace(device) }
        }
    }

    private func pace(_ device: VirtualDevice) {
        guard !isQuiet else { return }
        let sensor = plan.surroundings(of: device.index).sensor
        let values = fixture.frameValues(of: checker.serving(device))
        device.infer(sensor.frame(values: values, at: queue.now, &chance))
        queue.schedule(after: plan.framePause) { [self] in pace(device) }
    }

    // MARK: Healing

    private func heal() {
        trace(.fault, -1) { "everything heals" }
        broker.weather = plan.weather
        for device in devices {
            device.flash.cut(at: nil)
            device.flash.capacity = plan.surroundings(of: device.index).diskBytes
            device.partition(false)
            device.setClock(to1970: false)
        }
        controller.flash.cut(at: nil)
        controller.partition(false)
        if !broker.isUp { broker.comeUp(withPersistence: true) }
        controller.reconnect()
        // The operator offers the last release to everybody once more: devices that gave up try again.
        if let last = plan.rollouts.last, !plan.isScenario {
            queue.schedule(after: 10_000) { [self] in
                if !hasAll(last) { startRollout(last, isRepeat: true) }
            }
        }
    }

    private func hasAll(_ rollout: PlannedRollout) -> Bool {
        guard let release = fixture.releases[rollout.name] else { return false }
        return devices.allSatisfy { $0.host != nil && checker.checkConverged($0, to: release) }
    }

    private func hasSettled() -> Bool { devices.allSatisfy(hasSettled) }

    /// It has sent what it holds and, outside of scenarios, runs the last release.
    private func hasSettled(_ device: VirtualDevice) -> Bool {
        guard let host = device.host, host.spooled == (0, 0, 0) else { return false }
        guard let release = lastRelease, !plan.isScenario else { return true }
        return checker.checkConverged(device, to: release)
    }

    private func hasArrived() -> Bool {
        if plan.isScenario { return hasCalmedDown() }
        guard let store = controller.store, let release = lastRelease else { return false }
        let receipts = try? store.readHere { try inspector.receipts($0, of: release.digest) }
        return receipts?.count == devices.count
    }

    /// In a scenario: nothing is being installed, and no rollout waits for anything.
    private func hasCalmedDown() -> Bool {
        let isInstalling = devices.contains { device in
            device.host?.status.contains { !$0.phase.isFinal && $0.phase != .idle } ?? true
        }
        guard !isInstalling, let store = controller.store else { return false }
        let open = try? store.readHere { try inspector.openRollouts($0) }
        return open == 0
    }

    private func judge(hasConverged: Bool) {
        if !hasConverged { tellWhoIsLate() }
        guard let store = controller.store,
            let stored = try? store.readHere({ try inspector.messages($0) })
        else { return checker.found("the controller's database cannot be read at the end", device: nil) }
        for device in devices {
            checker.checkStored(device, stored[device.id.text] ?? StoredMessages())
            checker.checkBounds(device)
        }
        for error in checker.controllerErrors.prefix(1) { checker.found("the controller fails: \(error)", device: nil) }
    }

    /// What is to be said at the end: what devices serve and got, what the controller holds.
    private func completeChronicle() {
        for device in devices {
            chronicle.serving[device.index] = checker.serving(device)
            chronicle.bytes[device.index] = broker.bytesSent(to: device.id.text)
        }
        guard let store = controller.store else { return }
        let before = chronicle
        let after = try? store.readHere { try inspector.complete(before, $0) }
        chronicle = after ?? before
    }

    private func tellWhoIsLate() {
        let late = devices.filter { !hasSettled($0) }
        for device in late {
            let status = device.host?.status.first
            let spooled = device.host?.spooled
            checker.found(
                "has not converged \(plan.patience / 1000) s after healing: \(status?.phase.rawValue ?? "off") "
                    + "\(status?.failure?.rawValue ?? "") \(status?.detail ?? "") spooled \(spooled?.reports ?? 0)/"
                    + "\(spooled?.samples ?? 0)/\(spooled?.log ?? 0)", device: device)
        }
        if late.isEmpty, !plan.isScenario { checker.found("the controller has not got all receipts", device: nil) }
    }
}

/// What became of a world.
public struct WorldOutcome: Sendable {
    public var seed: UInt64
    public var violations: [Violation]
    /// Equal for equal worlds.
    public var fingerprint: UInt64
    /// What happened, if it was asked for.
    public var trace: [String]
    public var steps: Int
    /// Milliseconds that the world lasted.
    public var time: Int64
    public var reports: Int
    public var samples: Int
    /// Installations that were committed.
    public var commits: Int
    /// Durable operations of the first device's disk during the last rollout.
    public var updateOperations: Range<Int>?
    /// Those from its first boot after a power cut to the end of that rollout.
    public var recoveryOperations: Int
    /// What assertions are judged by, in a scenario.
    var chronicle: Chronicle?
}
