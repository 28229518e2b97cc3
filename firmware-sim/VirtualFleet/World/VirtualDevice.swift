import DeviceCore
import DeviceHost
import FleetCrypto
import FleetModel
import FleetWire
import MQTTTransport
import Sketches

/// One simulated machine with a real device on it: it has a disk, a clock, a network and a power switch.
///
/// `@unchecked Sendable`: a world is worked on by one task at a time.
final class VirtualDevice: @unchecked Sendable {
    let index: Int
    let id: DeviceID
    let flash = Flash()
    let folder: String
    private(set) var host: DeviceHost?
    private(set) var link: VirtualLink?
    private unowned let world: World
    private let mount: String
    private var configuration: DeviceConfiguration
    private var loop: VirtualLoop?
    private var chance: SeededGenerator
    private let time: VirtualTime
    private let weather: Weather?
    /// At the boot after a power cut the power goes once more at this operation.
    var cutAfterBoot: Int?
    /// Operations when the power came back for the first time.
    private(set) var operationsAtBoot: Int?
    /// Boots so far.
    private(set) var boots = 0
    /// Keeps its place in partitions that outlive a boot.
    private var isCutOff = false
    private var wantsPower = true

    init(index: Int, world: World, mount: String) {
        self.index = index
        self.world = world
        self.mount = mount
        let (id, tags, key) = world.fixture.devices[index]
        self.id = id
        folder = FlashVFS.mount(flash, as: mount)
        let surroundings = world.plan.surroundings(of: index)
        flash.capacity = surroundings.diskBytes
        weather = surroundings.weather
        // The first device makes its database itself: its power may go while it does.
        if index > 0 {
            flash.install(world.fixture.deviceDatabase, as: DeviceHost.databasePath(in: folder))
        }
        time = VirtualTime(queue: world.queue)
        chance = SeededGenerator(seed: world.seed, name: id.text)
        configuration = DeviceConfiguration(
            device: id, folder: folder, brokerHost: "virtual", brokerPort: 1, tls: nil, signingKey: key,
            rootKey: world.fixture.root, hardware: "x86_64-generic", tags: tags,
            limits: Self.limits, seed: chance.next())
    }

    deinit { FlashVFS.unmount(mount) }

    static var limits: DeviceLimits {
        var limits = DeviceLimits()
        limits.update.probation.inferences = 4
        limits.update.probation.duration = .seconds(15)
        limits.update.backoff = .seconds(1)
        limits.update.backoffCap = .seconds(20)
        limits.manifestTimeout = .seconds(8)
        limits.pull.timeout = .seconds(2)
        limits.pull.timeoutCap = .seconds(8)
        limits.spool.resendAfter = .seconds(5)
        limits.spool.resendCap = .seconds(30)
        limits.diskReserve = 64 << 10
        return limits
    }

    // MARK: Power

    /// Starts the agent on whatever the disk holds.
    func boot() {
        guard host == nil, wantsPower else { return }
        boots += 1
        let loop = VirtualLoop(device: self, queue: world.queue)
        self.loop = loop
        let platform = DevicePlatform(
            loop: loop, time: time, files: FlashFiles(flash: flash),
            randomBytes: { [weak self] count throws(DeviceError) in self?.randomBytes(count) ?? [] },
            trust: world.fixture.trust, bugs: world.bugs)
        do throws(DeviceError) {
            let host = try DeviceHost(configuration: configuration, platform: platform) { [weak self] notice in
                self?.hear(notice)
            }
            self.host = host
            host.start()
            world.checker.booted(self)
            loop.perform { [weak self] in self?.checkAfterBoot() }
        } catch {
            // The power went before there was a host.
            if flash.isDead { return losePower() }
            world.queue.schedule(after: 3000) { [weak self] in self?.boot() }
            world.checker.cannotBoot(self, "\(error)")
        }
        settlePower()
    }

    private func checkAfterBoot() {
        if let host, !flash.isDead { world.checker.checkRunning(self, isReady: host.isReady) }
    }

    private func randomBytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: chance.next()) }
    }

    /// Called after everything that the device did: a cut that fell into it takes effect.
    func settlePower() { if flash.isDead, host != nil { losePower() } }

    /// The power goes now; what the disk had not synced is at stake.
    func cutPower() {
        flash.kill()
        losePower()
    }

    private(set) var offTime: Int64 = 1000

    private func losePower() {
        world.trace(.powerLost, index) { "\(self.id) loses power" }
        shutDown()
        flash.powerUp(&chance)
        operationsAtBoot = operationsAtBoot ?? flash.operations
        if let cutAfterBoot { flash.cut(at: flash.operations + cutAfterBoot) }
        cutAfterBoot = nil
        world.queue.schedule(after: offTime) { [weak self] in self?.boot() }
    }

    /// The agent's process ends; the operating system keeps what was written.
    func kill() {
        guard host != nil else { return }
        world.trace(.powerLost, index) { "\(self.id): the agent is killed" }
        flash.closeAll()
        shutDown()
        world.queue.schedule(after: offTime) { [weak self] in self?.boot() }
    }

    func powerOff(for time: Int64) { offTime = time }

    private func shutDown() {
        link?.close()
        link = nil
        loop?.isOver = true
        loop = nil
        host = nil
    }

    /// Ends the machine for good, with the world.
    func end() {
        wantsPower = false
        flash.kill()
        shutDown()
    }

    // MARK: Surroundings

    func partition(_ isCutOff: Bool) {
        self.isCutOff = isCutOff
        link?.cutOff(isCutOff)
    }

    func setClock(by offset: Int64) { time.offset += offset }
    func setClock(to1970: Bool) { time.isIn1970 = to1970 }

    func makeLink(
        _ configuration: MQTTConfiguration, handler: @escaping @Sendable (MQTTEvent) -> Void
    ) -> VirtualLink {
        let link = VirtualLink(
            client: configuration.clientID, will: configuration.will, queue: world.queue, broker: world.broker,
            seed: configuration.seed, weather: weather
        ) { [weak self] event in
            guard let self, !flash.isDead else { return }
            handler(event)
            settlePower()
        }
        link.isPowered = { [flash] in !flash.isDead }
        link.onSent = { [weak self] topic, payload in
            guard let self else { return }
            world.checker.sent(self, topic, payload)
        }
        if isCutOff { link.cutOff(true) }
        self.link = link
        return link
    }

    /// More timers went off than a device can have use for.
    func tellRestless() { world.checker.restless(self) }

    private func hear(_ notice: DeviceNotice) {
        guard !flash.isDead else { return }
        world.checker.heard(self, notice)
    }

    // MARK: Sensors

    /// One frame of its sensor.
    func infer(_ frame: [Float]) {
        guard let host, host.isReady, !flash.isDead else { return }
        world.checker.inferring(self)
        do throws(DeviceError) {
            let answer = try host.infer(frame: frame)
            world.checker.inferred(self, frame, answer)
        } catch {
            world.checker.inferenceFailed(self, "\(error)")
        }
        settlePower()
    }
}

/// The clocks of a simulated machine.
///
/// `@unchecked Sendable`: a world is worked on by one task at a time.
final class VirtualTime: TimeSource, @unchecked Sendable {
    private let queue: EventQueue
    var offset: Int64 = 0
    var isIn1970 = false

    init(queue: EventQueue) { self.queue = queue }

    var system: Instant {
        isIn1970
            ? Instant(milliseconds: queue.now)
            : Fixture.beginning.advanced(by: Interval(milliseconds: queue.now + offset))
    }

    var monotonicMicroseconds: Int { Int(queue.now) * 1000 }
}

/// A device's loop in virtual time; it ends with the power.
///
/// `@unchecked Sendable`: a world is worked on by one task at a time.
final class VirtualLoop: DeviceLoop, @unchecked Sendable {
    private weak var device: VirtualDevice?
    private let queue: EventQueue
    private var timers: Set<UInt64> = []
    private var number: UInt64 = 0
    var isOver = false
    /// Timers that went off in the second at hand.
    private var timersSpent = (second: Int64(0), count: 0)

    init(device: VirtualDevice, queue: EventQueue) {
        self.device = device
        self.queue = queue
    }

    func perform(_ work: @escaping @Sendable () -> Void) {
        queue.schedule(after: 0) { [self] in run(work) }
    }

    func schedule(after milliseconds: Int64, _ work: @escaping @Sendable () -> Void) -> TimerID {
        number += 1
        let id = number
        timers.insert(id)
        queue.schedule(after: max(1, milliseconds)) { [self] in
            guard timers.remove(id) != nil else { return }
            countTimer()
            run(work)
        }
        return TimerID(rawValue: id)
    }

    private func countTimer() {
        let second = queue.now / 1000
        if timersSpent.second != second { timersSpent = (second, 0) }
        timersSpent.count += 1
        if timersSpent.count == Checker.timersPerSecond + 1 { device?.tellRestless() }
    }

    func cancel(_ timer: TimerID) { timers.remove(timer.rawValue) }

    private func run(_ work: () -> Void) {
        guard !isOver, let device, !device.flash.isDead else { return }
        work()
        device.settlePower()
    }

    func makeLink(
        _ configuration: MQTTConfiguration, handler: @escaping @Sendable (MQTTEvent) -> Void
    ) throws(MQTTError) -> any DeviceLink {
        guard let device else { throw MQTTError(.libraryFailed, "the simulated machine is gone") }
        return device.makeLink(configuration, handler: handler)
    }
}
