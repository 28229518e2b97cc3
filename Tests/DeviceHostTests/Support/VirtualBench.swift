import DeviceCore
import FleetCrypto
import FleetModel
import FleetWire
import Foundation
import MQTTTransport
import Sketches

@testable import DeviceHost

/// A device in virtual time on a real disk, beside a broker and a controller that are a few lines: weeks pass in seconds.
///
/// `@unchecked Sendable`: one test works on it, on one thread.
final class VirtualBench: @unchecked Sendable {
    let folder: URL
    let trust: TestTrust
    let key: SigningKey
    let loop = BenchLoop()
    private(set) var host: DeviceHost?
    var limits: DeviceLimits
    var files: any DeviceFiles = SystemFiles()
    var availableMemory: Int?
    var program: (any AgentProgram)?
    var mends = true
    private(set) var notices: [String] = []
    private var random = SeededGenerator(seed: 3)
    /// What the controller committed.
    private(set) var reports: [String: Report] = [:]
    private(set) var samples: [String: SampleMessage] = [:]
    private(set) var logs: [String: DeviceLog] = [:]
    private(set) var duplicates = 0
    /// What the device said of its slots, and when, in milliseconds.
    private(set) var reported: [(time: Int64, document: Reported)] = []
    var lastReported: Reported? { reported.last?.document }
    /// Messages of the spool by the second in which they came.
    private(set) var arrivals: [Int64: Int] = [:]
    var acknowledges = true

    /// - Parameter folder: of the device's state; memory if nobody says otherwise.
    init(limits: DeviceLimits = TestDevice.limits, folder: String? = nil) throws {
        self.folder = URL(filePath: folder ?? "/dev/shm/bench-\(UUID().uuidString)")
        trust = try TestTrust()
        key = try SigningKey.generate()
        self.limits = limits
        loop.onPublish = { [unowned self] topic, payload in received(topic, payload) }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func start() throws {
        let configuration = DeviceConfiguration(
            device: DeviceID(unchecked: "bench"), folder: folder.path(), brokerHost: "none", brokerPort: 1, tls: nil,
            signingKey: key, rootKey: TestTrust.trusted(trust.root, "root"), limits: limits, seed: 9)
        var platform = DevicePlatform(
            loop: loop, time: loop.time, files: files,
            randomBytes: { [unowned self] count throws(DeviceError) in
                (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            })
        platform.availableMemory = { [unowned self] in availableMemory }
        platform.mendsStore = mends
        platform.program = program
        let host = try DeviceHost(configuration: configuration, platform: platform) { [unowned self] notice in
            notices.append("\(notice)")
        }
        self.host = host
        host.start()
        loop.run(milliseconds: 10)
    }

    /// Lets go of the host without a word.
    func drop() {
        loop.forget()
        host = nil
    }

    // MARK: The controller

    /// Publishes a release and wants it; gives its digest.
    func want(
        _ release: TestRelease, in slot: SlotName = .main, generation: UInt64,
        activation: ActivationCondition = .now,
        sampling: SamplingPolicy = SamplingPolicy(floor: 0.2, slope: 0.8, bytesPerDay: 1 << 30, burstBytes: 1 << 20)
    ) throws -> Digest {
        let message = try release.signed(by: trust.people)
        let digest = SHA256.hash(message)
        loop.retain(.roles, try trust.roles())
        loop.retain(.release(digest), message)
        let blob = try TestBlob(of: release.image)
        loop.retain(.blobMap(blob.name), blob.map.encoded())
        for (index, chunk) in blob.chunks.enumerated() {
            loop.retain(blob.map.topic(ofChunk: index, in: blob.name), chunk)
        }
        let slot = DesiredSlot(
            slot: slot, release: digest, activation: activation, deadline: Instant(milliseconds: 4_000_000_000_000))
        let policy = DevicePolicy(reportInterval: .minutes(5), sampling: sampling)
        loop.retain(
            .desired(DeviceID(unchecked: "bench")),
            Desired(generation: generation, slots: [slot], policy: policy).encoded())
        return digest
    }

    /// The controller wishes for a release that it has published, and nothing else.
    func wish(_ release: Digest, generation: UInt64) {
        let slot = DesiredSlot(
            slot: .main, release: release, activation: .now, deadline: Instant(milliseconds: 4_000_000_000_000))
        let device = DeviceID(unchecked: "bench")
        loop.send(.desired(device), Desired(generation: generation, slots: [slot], policy: DevicePolicy()).encoded())
    }

    private func received(_ text: String, _ payload: [UInt8]) {
        guard let topic = try? Topics().parse(text) else { return }
        switch topic {
        case .reported:
            guard let document = try? Reported(decoding: payload) else { return }
            reported.append((loop.milliseconds, document))
        case .report:
            guard let report = try? Report(decoding: payload) else { return }
            note("\(report.boot)/\(report.sequence)", in: &reports, report)
            acknowledge(.report, report.boot, report.sequence)
        case .sample:
            guard let sample = try? SampleMessage(decoding: payload) else { return }
            note("\(sample.boot)/\(sample.sequence)", in: &samples, sample)
            acknowledge(.sample, sample.boot, sample.sequence)
        case .log:
            guard let log = try? DeviceLog(decoding: payload) else { return }
            note("\(log.boot)/\(log.sequence)", in: &logs, log)
            acknowledge(.log, log.boot, log.sequence)
        default: break
        }
    }

    private func note<Message>(_ key: String, in stored: inout [String: Message], _ message: Message) {
        arrivals[loop.milliseconds / 1000, default: 0] += 1
        if stored.updateValue(message, forKey: key) != nil { duplicates += 1 }
    }

    private var committed: [String: Set<UInt64>] = [:]

    private func acknowledge(_ stream: StreamKind, _ boot: String, _ sequence: UInt64) {
        committed["\(stream)/\(boot)", default: []].insert(sequence)
        guard acknowledges, let known = committed["\(stream)/\(boot)"], let sequence = known.max() else { return }
        var holes: [Range<UInt64>] = []
        var next: UInt64 = 1
        for number in known.sorted() {
            if number > next { holes.append(next..<number) }
            next = number + 1
        }
        holes = holes.suffix(WireLimits.holes)
        loop.send(
            .ack(DeviceID(unchecked: "bench")),
            Ack(boot: boot, streams: [StreamAck(stream: stream, highest: sequence, holes: holes)]).encoded())
    }

    // MARK: The application

    @discardableResult
    func infer(_ frame: [Float]) -> Result<Inference, DeviceError> {
        guard let host else { return .failure(DeviceError(.notReady, "no host")) }
        do throws(DeviceError) { return .success(try host.infer(frame: frame)) } catch { return .failure(error) }
    }

    /// Installs a release until it is champion.
    func install(_ release: TestRelease, generation: UInt64) throws -> Digest {
        let digest = try want(release, generation: generation)
        loop.connect()
        loop.run(milliseconds: 5000)
        for _ in 0..<10 { infer([1, 2, 3, 4]) }
        loop.run(milliseconds: 1000)
        return digest
    }

    var slot: SlotStatus? { host?.status.first }

    // MARK: The disk

    /// The database takes no more writes, or takes them again.
    func refuseStores(_ refuses: Bool) throws {
        try host?.store.database.execute("PRAGMA query_only = \(refuses ? "ON" : "OFF")")
    }
}

/// Virtual time, timers and a network of one client.
///
/// `@unchecked Sendable`: one test works on it, on one thread.
final class BenchLoop: DeviceLoop, @unchecked Sendable {
    /// The machine's clocks.
    final class Clock: TimeSource, @unchecked Sendable {
        var milliseconds: Int64 = 0
        /// What the wall clock is off by.
        var jump: Int64 = 0
        static let beginning: Int64 = 1_790_000_000_000
        var system: Instant { Instant(milliseconds: Self.beginning + milliseconds + jump) }
        var monotonicMicroseconds: Int { Int(milliseconds) * 1000 }
    }

    let time = Clock()
    private var timers: [(due: Int64, id: UInt64, work: @Sendable () -> Void)] = []
    private var number: UInt64 = 0
    private var retained: [String: [UInt8]] = [:]
    private var filters: [String] = []
    private var handler: (@Sendable (MQTTEvent) -> Void)?
    private var isConnected = false
    var onPublish: (String, [UInt8]) -> Void = { _, _ in }

    var milliseconds: Int64 { time.milliseconds }

    // MARK: Time

    func perform(_ work: @escaping @Sendable () -> Void) { add(0, work) }

    func schedule(after milliseconds: Int64, _ work: @escaping @Sendable () -> Void) -> TimerID {
        TimerID(rawValue: add(max(0, milliseconds), work))
    }

    func cancel(_ timer: TimerID) { timers.removeAll { $0.id == timer.rawValue } }

    @discardableResult
    private func add(_ wait: Int64, _ work: @escaping @Sendable () -> Void) -> UInt64 {
        number += 1
        let due = time.milliseconds + wait
        let place = timers.firstIndex { $0.due > due } ?? timers.endIndex
        timers.insert((due, number, work), at: place)
        return number
    }

    /// Turns of the loop within one millisecond that nobody takes without spinning.
    private static let turnsAtOnce = 10_000
    /// The loop turned and turned, and time stood still.
    private(set) var hasSpun = false

    /// Lets time pass. A loop that spins is stopped: see `hasSpun`.
    func run(milliseconds: Int64) {
        let end = time.milliseconds + milliseconds
        var turns = 0
        while let next = timers.first, next.due <= end {
            turns = next.due > time.milliseconds ? 0 : turns + 1
            if turns > Self.turnsAtOnce {
                hasSpun = true
                break
            }
            timers.removeFirst()
            time.milliseconds = max(time.milliseconds, next.due)
            next.work()
        }
        time.milliseconds = end
    }

    /// The process is gone, and with it all that it waited for.
    func forget() {
        timers.removeAll()
        filters = []
        handler = nil
        isConnected = false
    }

    // MARK: Network

    func makeLink(
        _ configuration: MQTTConfiguration, handler: @escaping @Sendable (MQTTEvent) -> Void
    ) throws(MQTTError) -> any DeviceLink {
        self.handler = handler
        return BenchLink(loop: self)
    }

    func connect() {
        guard !isConnected else { return deliver(filters) }
        isConnected = true
        handler?(.connected(sessionPresent: false))
        deliver(filters)
    }

    func disconnect() {
        isConnected = false
        handler?(.disconnected(reason: "cut", willRetryInMilliseconds: nil))
    }

    func retain(_ topic: Topic, _ payload: [UInt8]) { retained[Topics().text(topic)] = payload }

    func send(_ topic: Topic, _ payload: [UInt8]) {
        let text = Topics().text(topic)
        perform { [self] in if isConnected { hand(text, payload, isRetained: false) } }
    }

    private func hand(_ topic: String, _ payload: [UInt8], isRetained: Bool) {
        payload.withUnsafeBytes { bytes in
            handler?(.message(MQTTMessage(topic: topic, payload: bytes, retained: isRetained, qos: .atLeastOnce)))
        }
    }

    fileprivate func subscribe(_ new: [String]) {
        filters += new
        if isConnected { deliver(new) }
    }

    fileprivate func unsubscribe(_ old: [String]) { filters.removeAll { old.contains($0) } }

    fileprivate func publish(_ topic: String, _ payload: [UInt8]) {
        if isConnected { perform { [self] in onPublish(topic, payload) } }
    }

    private func deliver(_ filters: [String]) {
        for (topic, payload) in retained.sorted(by: { $0.key < $1.key })
        where filters.contains(where: { Self.matches(topic, $0) }) {
            perform { [self] in if isConnected { hand(topic, payload, isRetained: true) } }
        }
    }

    private static func matches(_ topic: String, _ filter: String) -> Bool {
        let (levels, wanted) = (topic.split(separator: "/"), filter.split(separator: "/"))
        for (index, level) in wanted.enumerated() {
            if level == "#" { return true }
            guard index < levels.count, level == "+" || level == levels[index] else { return false }
        }
        return levels.count == wanted.count
    }
}

/// The bench's client.
private final class BenchLink: DeviceLink {
    private let loop: BenchLoop
    init(loop: BenchLoop) { self.loop = loop }
    func connect() {}
    func disconnect(flushMilliseconds: Int64) {}
    func setWill(_ will: MQTTWill?) {}
    func setTLS(_ tls: MQTTTLS) {}
    func publish(topic: String, payload: [UInt8], qos: QoS, retain: Bool, priority: MQTTPriority) {
        loop.publish(topic, payload)
    }
    func subscribe(_ filters: [String], qos: QoS) { loop.subscribe(filters) }
    func unsubscribe(_ filters: [String]) { loop.unsubscribe(filters) }
}
