import DeviceCore
import FleetCrypto
package import FleetModel
import FleetWire
public import MQTTTransport
import Sketches

/// A device: the shell around `DeviceCore`, the same in `martlet-agent` and `martlet-fleet`. It owns one folder and one
/// MQTT client, and any number of hosts share one loop.
///
/// `@unchecked Sendable`: everything that changes is touched on the loop's thread alone. `init`, `start` and `stop` may be
/// called from anywhere; everything else says that it belongs on the loop.
public final class DeviceHost: @unchecked Sendable {
    public internal(set) var configuration: DeviceConfiguration
    package let platform: DevicePlatform
    /// Names this start of the host: random, 16 hexadecimal characters.
    public let boot: String
    /// What devices that started at one instant may differ by.
    let spreadOfBoot: UInt8
    let observer: @Sendable (DeviceNotice) -> Void
    let trust: TrustCheck

    // MARK: Confined to the loop's thread

    let store: DeviceStore
    /// What was wrong with the store at the start, and what was given up; empty if nothing was.
    let storeProblem: String
    /// The disk is read-only: the device serves what it has, and keeps nothing new.
    let isFrozen: Bool
    let marker: any CrashMarker
    var journal: Journal?
    /// Why the last attempt to make writes durable failed; empty if it did not.
    var lastStoreFailure = ""
    package let images: ImageFolder
    var clock: HostClock
    var random: SeededGenerator
    let spooler: Spooler
    /// Lines of the log that are not in a message yet.
    var log: LogGathering
    private(set) var slots: [SlotName: SlotHost] = [:]
    var roles: TrustRoles?
    /// The pinned root key: the one that the device was given, or that signed rotations have led to since.
    var root: TrustedKey
    /// Why the last document of a topic was refused, until a good one comes.
    var trustRefusals: [Topic: String] = [:]
    var desired: Desired?
    package var client: (any DeviceLink)?
    /// Counts the links: what an earlier one still says is of no interest.
    var generation = 0
    var liveGeneration = 0
    /// A second session, which tries a renewed certificate.
    var trial: (any DeviceLink)?
    var renewalTimer: TimerID?
    /// Until a new certificate is tried again.
    var trialTimer: TimerID?
    /// When the next certificate was asked for last, in monotonic microseconds.
    var renewalAsked: Int?
    let identity: NextIdentity?
    var session: UInt64 = 0
    package var isConnected = false
    var lastFailedAttempt: String?
    private var isRunning = false
    /// The next publication of the state of the slots.
    var reportTimer: (id: TimerID, isFinal: Bool)?
    /// The last one, in monotonic milliseconds.
    var reportedAt = Int64.min / 2
    private var timer: (id: TimerID, firesAt: Int64)?
    private var isInTurn = false

    /// Opens the device's folder; nothing moves until `start`.
    ///
    /// - Parameter observer: told on the loop's thread what happens; must not block.
    /// - Throws: a store or identity that cannot be used.
    public convenience init(
        configuration: DeviceConfiguration, loop: MQTTLoop,
        observer: @escaping @Sendable (DeviceNotice) -> Void = { _ in }
    ) throws(DeviceError) {
        try self.init(configuration: configuration, platform: .system(loop: loop), observer: observer)
    }

    /// Opens the device's folder on any platform: a simulation brings its own.
    package init(
        configuration: DeviceConfiguration, platform: DevicePlatform,
        observer: @escaping @Sendable (DeviceNotice) -> Void
    ) throws(DeviceError) {
        self.configuration = configuration
        self.platform = platform
        self.observer = observer
        root = configuration.rootKey
        identity = NextIdentity(configuration.tls, device: configuration.device)
        images = try ImageFolder(path: configuration.folder, files: platform.files)
        var opened = try OpenedStore(folder: configuration.folder, platform: platform)
        try opened.unseal(with: configuration.signingKey, sealsNew: configuration.sealsSamples)
        (store, storeProblem, isFrozen) = (opened.store, opened.problem, opened.isFrozen)
        marker = platform.makeMarker(configuration.folder)
        let name = try platform.randomBytes(8)
        boot = Hexadecimal.text(name)
        spreadOfBoot = name.first ?? 0
        let fresh = try platform.randomBytes(8).reduce(0) { $0 << 8 | UInt64($1) }
        random = SeededGenerator(seed: configuration.seed ?? fresh)
        trust = TrustCheck(functions: platform.trust, bugs: platform.bugs)
        clock = HostClock(floor: Self.storedFloor(in: try store.document(Documents.clock)), source: platform.time)
        spooler = Spooler(
            store: store, boot: boot, limits: configuration.limits.spool, stored: try store.spooled(),
            isClosed: isFrozen)
        log = LogGathering(quota: configuration.limits.spool.logBytes)
    }

    /// Where the database of a device's folder lies.
    package static func databasePath(in folder: String) -> String { DeviceStore.path(in: folder) }

    /// Makes a device's database ahead of its first start.
    package static func prepareDatabase(at path: String) throws(DeviceError) {
        try DeviceStore(path: path).close()
    }

    var loop: any DeviceLoop { platform.loop }
    var files: any DeviceFiles { platform.files }

    /// Names of the stored documents.
    enum Documents {
        static let roles = "roles"
        static let root = "root"
        static let desired = "desired"
        static let clock = "clock"
        static func bucket(_ slot: SlotName) -> String { "bucket/\(slot)" }
    }

    // MARK: Life

    /// Serves what the disk holds, connects, and from then on does what the controller wants and signatures allow.
    public func start() {
        loop.perform { [self] in
            guard !isRunning else { return }
            isRunning = true
            if !storeProblem.isEmpty { note(.problem(storeProblem)) }
            trimLog()
            openJournal()
            restore()
            connect()
            rearm()
            store.database.didReopen = { [weak self] in self?.restStoreSoon() }
            restStoreSoon()
        }
    }

    /// Stores what is counted, says goodbye and closes the folder. The host cannot be started again.
    public func stop(completion: @escaping @Sendable () -> Void = {}) {
        loop.perform { [self] in
            guard isRunning else { return completion() }
            isRunning = false
            for slot in slots.values { slot.closeWindow(mustSpool: true) }
            closeLog(at: now())
            flush()
            syncJournal()
            if let timer { loop.cancel(timer.id) }
            timer = nil
            renewalTimer.map(loop.cancel)
            renewalTimer = nil
            trialTimer.map(loop.cancel)
            trialTimer = nil
            trial?.disconnect(flushMilliseconds: 0)
            trial = nil
            if reportTimer != nil { publishReported() }
            sayGoodbye()
            loop.schedule(after: Self.goodbyeMilliseconds) { [self] in
                client = nil
                slots.removeAll()
                orderedSlots.removeAll()
                store.close()
                completion()
            }
        }
    }

    /// Time for the last messages to leave.
    private static let goodbyeMilliseconds: Int64 = 300

    /// Takes up the state that the last start left.
    private func restore() {
        identity?.settle(at: now())
        do throws(DeviceError) {
            try adoptStoredTrust()
            for (name, state) in try store.slots() { makeSlot(name, state: state) }
            if let stored = try store.document(Documents.desired), let desired = try? Desired(decoding: stored) {
                self.desired = desired
            }
        } catch {
            note(.problem("\(error)"))
        }
        let left = marker.left()
        marker.leave()
        if let left { note(.problem("the process ended while \(left.release.short) was at work in \(left.slot)")) }
        for slot in orderedSlots { slot.start(crashed: left?.slot == slot.name ? left?.release : nil) }
        if let desired { pursue(desired) }
    }

    // MARK: Slots

    /// In the order of their names.
    private(set) var orderedSlots: [SlotHost] = []

    @discardableResult
    func makeSlot(_ name: SlotName, state: SlotState = SlotState()) -> SlotHost {
        let slot = SlotHost(name: name, state: state, host: self)
        slots[name] = slot
        orderedSlots = slots.sorted { $0.key < $1.key }.map(\.value)
        return slot
    }

    // MARK: Time

    /// The device's time.
    package func now() -> Instant { clock.now() }

    /// Sees to it that `wake` is called when the next thing is due.
    func rearm() {
        guard isRunning, !isInTurn else { return }
        let own = Instant.earlier(spooler.wakeAt, logDue)
        guard let due = orderedSlots.reduce(own, { .earlier($0, $1.wakeAt) }) else {
            if let timer { loop.cancel(timer.id) }
            timer = nil
            return
        }
        let wait = min(max(due.since(now()), Interval(milliseconds: 0)), DeviceLimits.longestWait)
        let firesAt = clock.milliseconds + wait.milliseconds
        // One that goes off too early arms itself anew: cheaper than a new timer for each chunk that puts a deadline off.
        if let timer, timer.firesAt <= firesAt { return }
        if let timer { loop.cancel(timer.id) }
        let id = loop.schedule(after: wait.milliseconds) { [weak self] in self?.wake() }
        timer = (id, firesAt)
    }

    /// A message or a deadline may move many other deadlines: the timer is armed once, after all of it.
    func turn(_ body: () -> Void) {
        assert(!isInTurn, "turns do not nest")
        isInTurn = true
        body()
        isInTurn = false
        rearm()
    }

    private func wake() {
        timer = nil
        let time = now()
        turn {
            for slot in orderedSlots { slot.tick(at: time) }
            closeLogIfDue(at: time)
            if spooler.isFlushDue(at: time) { flush() }
            perform(spooler.tick(at: time))
        }
    }

    // MARK: Storing and reporting

    /// Makes all writes durable, and then sends what became sendable. False if the disk refused: those writes are gone.
    @discardableResult
    func flush() -> Bool {
        do throws(DeviceError) {
            try store.commit()
            lastStoreFailure = ""
            perform(spooler.committed(at: now()))
            return true
        } catch {
            lastStoreFailure = error.context
            loseWrites(error)
            return false
        }
    }

    /// A write for the spool failed: its transaction ends here, for it would take along whatever is written next.
    func abandonWrites(_ error: DeviceError) {
        store.rollBack()
        loseWrites(error)
    }

    /// A write of the log failed. It gives nothing up for itself.
    func abandonLog(_ error: DeviceError) {
        store.rollBack()
        loseWrites(error, isOfLog: true)
    }

    /// What the transaction held is gone from the disk; on a full one it may still find a place.
    private func loseWrites(_ error: DeviceError, isOfLog: Bool = false) {
        let lost = spooler.lost()
        let mayRescue = error.code == .noSpace && !(isOfLog && lost.isEmpty)
        let isRescued = mayRescue && rescue(lost)
        let loss = lost.isEmpty ? "" : "; \(isRescued ? 0 : lost.count) reports and samples are lost"
        note(.problem("\(isOfLog ? "the log: " : "")\(error)\(loss)"))
    }

    /// Stores reports and samples in the log's place, on a disk that is full.
    private func rescue(_ lost: [(key: SpoolKey, parts: [[UInt8]])]) -> Bool {
        // What `lost` holds is counted already.
        let dropped = spooler.reportsDropped
        do throws(DeviceError) {
            guard let actions = try spooler.rescue(lost, at: now()) else { return false }
            perform(actions)
            return true
        } catch {
            store.rollBack()
            _ = spooler.lost()
            spooler.reportsDropped = dropped
            return false
        }
    }

    /// Closes the database once it has not been used for a while, if the platform asks for that.
    private func restStoreSoon() {
        guard let pause = platform.storeRestsAfter else { return }
        loop.schedule(after: pause.milliseconds) { [weak self] in
            guard let self, isRunning, !store.database.restIfUnused() else { return }
            restStoreSoon()
        }
    }

    /// Publishes where the slots stand, once however often it is asked: a while after the last time, or at the end of
    /// this turn of the loop if that while is over or an installation has ended.
    func reportSoon(isFinal: Bool = false) {
        let due = isFinal ? 0 : max(0, reportedAt + DeviceLimits.reportPause.milliseconds - clock.milliseconds)
        if let pending = reportTimer {
            guard isFinal, !pending.isFinal else { return }
            loop.cancel(pending.id)
        }
        let id = loop.schedule(after: due) { [weak self] in self?.publishReported() }
        reportTimer = (id, isFinal)
    }

    static func storedFloor(in document: [UInt8]?) -> Instant {
        guard let document, case .unsigned(let milliseconds)? = try? CBOR(decoding: document) else { return .epoch }
        return Instant(milliseconds: Int64(clamping: milliseconds))
    }

    /// A trusted signature proved that it is at least this late.
    func learn(_ instant: Instant) {
        guard clock.learn(instant) else { return }
        try? store.put(CBOR.unsigned(UInt64(max(0, instant.milliseconds))).encoded(), as: Documents.clock)
    }
}
