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
    private(set) lazy var checker = Checker(world: self, devices: Fixture.deviceCount)
    private(set) lazy var controller = VirtualController(world: self, mount: "w\(number)-controller")
    private let number: Int
    private var chance: SeededGenerator
    private var fingerprint: UInt64 = 0xcbf2_9ce4_8422_2325
    private let keepsTrace: Bool
    private var lines: [String] = []

    /// Frames come this often, in milliseconds, until `quietAt`.
    static let framePause: Int64 = 4000
    /// Milliseconds after healing in which everything must have come about.
    static let patience: Int64 = 1_200_000

    private static let numbers = Mutex(0)

    init(
        seed: UInt64, plan: WorldPlan, fixture: Fixture, bugs: PlantedBugs = [], deviceCount: Int = Fixture.deviceCount,
        keepsTrace: Bool = false
    ) {
        self.seed = seed
        self.plan = plan
        self.fixture = fixture
        self.bugs = bugs
        self.keepsTrace = keepsTrace
        broker = VirtualBroker(queue: queue, seed: seed)
        chance = SeededGenerator(seed: seed, name: "world")
        number = Self.numbers.withLock { number in
            number += 1
            return number
        }
        devices = (0..<deviceCount).map { VirtualDevice(index: $0, world: self, mount: "w\(number)-\($0)") }
    }

    /// The true time.
    var now: Instant { Fixture.beginning.advanced(by: Interval(milliseconds: queue.now)) }
    var lastRelease: FixtureRelease? { plan.rollouts.last.flatMap { fixture.releases[$0.name] } }
    private var quietAt: Int64 { plan.heal + 20_000 }

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
        while let next = queue.next, next < plan.heal + Self.patience, checker.violations.isEmpty {
            queue.pop()?()
            await controller.work()
            if queue.now > quietAt, queue.step % 64 == 0, hasSettled(), await hasArrived() {
                hasConverged = true
                break
            }
        }
        if checker.violations.isEmpty { await judge(hasConverged: hasConverged) }
        let outcome = WorldOutcome(
            seed: seed, violations: checker.violations, fingerprint: fingerprint, trace: lines, steps: queue.step,
            time: queue.now, reports: checker.reports, samples: checker.samples, commits: checker.commits,
            updateOperations: updateOperations, recoveryOperations: recoveryOperations)
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
    }

    private func schedulePlan() {
        for rollout in plan.rollouts {
            queue.schedule(at: rollout.time) { [self] in startRollout(rollout.name, isRepeat: false) }
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
    private func startRollout(_ name: String, isRepeat: Bool) {
        guard controller.isUp else {
            return queue.schedule(after: 2000) { [self] in startRollout(name, isRepeat: isRepeat) }
        }
        if name == plan.rollouts.last?.name, !isRepeat { operationsAtUpdate = devices.first?.flash.operations }
        controller.add(.rollout(name, isRepeat: isRepeat))
    }

    private func paceSensors() {
        for device in devices {
            let offset = chance.pick(0...Self.framePause)
            queue.schedule(after: offset) { [self] in pace(device) }
        }
    }

    private func pace(_ device: VirtualDevice) {
        guard queue.now < quietAt else { return }
        device.infer((0..<16).map { _ in Float(chance.below(2000)) / 1000 })
        queue.schedule(after: Self.framePause) { [self] in pace(device) }
    }

    // MARK: Healing

    private func heal() {
        trace(.fault, -1) { "everything heals" }
        broker.weather = Weather()
        for device in devices {
            device.flash.cut(at: nil)
            device.flash.capacity = Self.diskBytes
            device.partition(false)
            device.setClock(to1970: false)
        }
        controller.flash.cut(at: nil)
        controller.partition(false)
        if !broker.isUp { broker.comeUp(withPersistence: true) }
        controller.reconnect()
        // The operator offers the last release to everybody once more: devices that gave up try again.
        if let last = plan.rollouts.last {
            queue.schedule(after: 10_000) { [self] in startRollout(last.name, isRepeat: true) }
        }
    }

    static let diskBytes = 64 << 20

    private func hasSettled() -> Bool {
        guard let release = lastRelease else { return true }
        return devices.allSatisfy { device in
            guard let host = device.host, checker.checkConverged(device, to: release) else { return false }
            return host.spooled == (0, 0)
        }
    }

    private func hasArrived() async -> Bool {
        guard let store = controller.store, let release = lastRelease else { return false }
        let receipts = try? await store.database.read { [inspector] in
            try inspector.receipts($0, of: release.digest)
        }
        return receipts?.count == devices.count
    }

    private func judge(hasConverged: Bool) async {
        if !hasConverged { tellWhoIsLate() }
        guard let store = controller.store,
            let stored = try? await store.database.read({ [inspector] in try inspector.messages($0) })
        else { return checker.found("the controller's database cannot be read at the end", device: nil) }
        for device in devices {
            checker.checkStored(device, stored[device.id.text] ?? StoredMessages())
            checker.checkBounds(device)
        }
        for error in checker.controllerErrors.prefix(1) { checker.found("the controller fails: \(error)", device: nil) }
    }

    private func tellWhoIsLate() {
        let late = devices.filter { device in
            guard let host = device.host, let release = lastRelease else { return true }
            return !checker.checkConverged(device, to: release) || host.spooled != (0, 0)
        }
        for device in late {
            let status = device.host?.status.first
            let spooled = device.host?.spooled
            checker.found(
                "has not converged \(Self.patience / 1000) s after healing: \(status?.phase.rawValue ?? "off") "
                    + "\(status?.failure?.rawValue ?? "") \(status?.detail ?? "") spooled \(spooled?.reports ?? 0)/"
                    + "\(spooled?.samples ?? 0)", device: device)
        }
        if late.isEmpty { checker.found("the controller has not got all receipts", device: nil) }
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
}
