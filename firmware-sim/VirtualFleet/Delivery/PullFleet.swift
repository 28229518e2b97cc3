import DeviceCore
import DeviceHost
package import FleetModel
import FleetStore
import FleetWire
package import Foundation
import MQTTTransport
import Synchronization

/// Many devices that do nothing but pull one blob: the device's own transfer over the device's own transport, on one
/// loop.
package final class PullFleet: Sendable {
    private let loop: MQTTLoop
    private let members: [PullingDevice]
    private let blob: Digest
    private let image: ImageReference
    private let state = Mutex(State())

    private struct State {
        var finished = 0
        var failures: [String] = []
        var end = ContinuousClock.now
    }

    /// What a device is called.
    static func name(_ number: Int) -> DeviceID { DeviceID(unchecked: "bench-\(number)") }

    /// Makes devices and connects them.
    ///
    /// - Parameters:
    ///   - authority: PEM file of the authority that the broker's certificate comes from; nil for plain TCP.
    ///   - bytesPerSecond: of each device; 0: as fast as chunks come.
    package init(
        count: Int, port: Int, blob: Digest, image: ImageReference, folder: URL, authority: String? = nil,
        bytesPerSecond: Int = 0
    ) throws {
        self.blob = blob
        self.image = image
        let loop = try MQTTLoop()
        self.loop = loop
        members = try (0..<count).map { number in
            try PullingDevice(
                Self.name(number), loop: loop, port: port, authority: authority,
                folder: folder.appending(path: "device-\(number)").path(), bytesPerSecond: bytesPerSecond)
        }
        loop.start()
        for member in members { member.connect() }
    }

    /// Waits until all are connected.
    package func waitForConnections(seconds: Int) async throws {
        for _ in 0..<seconds * 20 {
            if members.allSatisfy(\.isReady) { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw SimulationError.noBroker("\(members.count { !$0.isReady }) of \(members.count) devices did not connect")
    }

    /// Lets all pull, and waits until each is through or the time is over.
    ///
    /// - Returns: how many have the whole blob, after how long, and what went wrong.
    package func pull(seconds: Int) async throws -> (complete: Int, time: Duration, failures: [String]) {
        let start = ContinuousClock.now
        loop.perform { [self] in
            for member in members { member.pull(blob, image) { [self] in ended($0) } }
        }
        let ticker = loop.schedule(after: Self.tick) { [self] in tickAll() }
        defer { loop.cancel(ticker) }
        while ContinuousClock.now - start < .seconds(seconds) {
            let over = state.withLock { $0.finished + $0.failures.count }
            if over == members.count { break }
            try await Task.sleep(for: .milliseconds(5))
        }
        return state.withLock { ($0.finished, $0.end - start, $0.failures) }
    }

    /// Milliseconds between looks at what is due.
    private static let tick: Int64 = 100

    private func tickAll() {
        for member in members { member.tick() }
        loop.schedule(after: Self.tick) { [weak self] in self?.tickAll() }
    }

    private func ended(_ failure: String?) {
        state.withLock { state in
            if let failure { state.failures.append(failure) } else { state.finished += 1 }
            state.end = .now
        }
    }

    package func stop() { loop.stop() }

    /// Devices that are through.
    package var finished: Int { state.withLock { $0.finished } }
    /// Share of all chunks of all devices that are there; asked on the loop.
    package func share() async -> Float {
        await withCheckedContinuation { continuation in
            loop.perform { [self] in
                continuation.resume(returning: members.reduce(0) { $0 + $1.share } / Float(members.count))
            }
        }
    }
}

/// A device reduced to its transfer.
///
/// `@unchecked Sendable`: touched on the loop's thread alone, but for `isReady`, which is read from elsewhere.
private final class PullingDevice: PullEnvironment, @unchecked Sendable {
    let device: DeviceID
    let topics = Topics()
    let limits: DeviceLimits
    let images: ImageFolder
    let platform: DevicePlatform
    private(set) var client: (any DeviceLink)?
    private let ready = Atomic(false)
    private let loop: MQTTLoop
    private var pull: BlobPull?
    private var problem = ""
    private var isFinished = false

    var isReady: Bool { ready.load(ordering: .relaxed) }
    var isConnected: Bool { isReady }

    init(
        _ device: DeviceID, loop: MQTTLoop, port: Int, authority: String?, folder: String, bytesPerSecond: Int
    ) throws {
        self.device = device
        self.loop = loop
        platform = .system(loop: loop)
        var limits = DeviceLimits()
        limits.startSpread = Interval(milliseconds: 0)
        limits.diskReserve = 0
        limits.pull.bytesPerSecond = bytesPerSecond
        self.limits = limits
        images = try ImageFolder(path: folder, files: platform.files)
        let configuration = MQTTConfiguration(
            host: "127.0.0.1", port: port, clientID: device.text, tls: authority.map { MQTTTLS(caFile: $0) })
        client = try loop.makeLink(configuration) { [weak self] event in self?.receive(event) }
    }

    func connect() { client?.connect() }

    func pull(_ blob: Digest, _ image: ImageReference, over: @escaping (String?) -> Void) {
        let pull = BlobPull(blob: blob, image: image, environment: self) { [weak self] outcome in
            switch outcome {
            case .progress: break
            case .finished:
                self?.isFinished = true
                over(nil)
            case .failed(_, let detail): over("\(detail) \(self?.problem ?? "")")
            }
        }
        self.pull = pull
        pull.start()
    }

    var share: Float { isFinished ? 1 : pull?.machine?.share ?? 0 }

    func tick() {
        let now = now()
        if let due = pull?.wakeAt, now >= due { pull?.tick(at: now) }
    }

    private func receive(_ event: MQTTEvent) {
        switch event {
        case .connected:
            ready.store(true, ordering: .relaxed)
            pull?.connected()
        case .disconnected:
            ready.store(false, ordering: .relaxed)
            pull?.disconnected()
        case .message(let message): take(message)
        case .subscribed, .refused: break
        }
    }

    private func take(_ message: MQTTMessage) {
        switch message.withTopic({ topics.topic(named: $0) }) {
        case .blobMap(let blob), .ownBlobMap(device, let blob): pull?.mapArrived(blob, message.payload)
        case .chunk(let blob, let page, let index), .ownChunk(device, let blob, let page, let index):
            pull?.chunkArrived(blob, page: page, index: index, message.payload)
        default: break
        }
    }

    func now() -> Instant { Instant.now() }
    func soon(_ work: @escaping @Sendable () -> Void) { loop.perform(work) }
    func tell(_ problem: String) { self.problem = problem }
}
