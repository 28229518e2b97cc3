import DeviceCore
import DeviceHost
import FleetCrypto
import FleetModel
import FleetWire

/// Something that must never happen, and did.
public struct Violation: Hashable, Sendable {
    /// Number of the event in the world.
    public var step: Int
    /// Milliseconds from the world's beginning.
    public var time: Int64
    public var device: String?
    public var text: String
}

/// Judges a world from outside: by what devices say to whoever runs them, by what reaches the network and by what lies
/// on disks. It asks no core for its state.
final class Checker {
    /// What is known of one device.
    private struct Record {
        /// Highest counter that ever served.
        var counter: UInt64 = 0
        /// Sound releases that were committed here, oldest first.
        var committed: [Digest] = []
        var serving: Digest?
        var isRotten = false
        var observed: UInt64 = 0
        var sent: [MessageKey: [UInt8]] = [:]
        var acknowledged: Set<MessageKey> = []
        var inferences = 0
        var bootFailures = 0
    }

    private unowned let world: World
    private var records: [Record]
    private(set) var violations: [Violation] = []
    private(set) var reports = 0
    private(set) var samples = 0
    private(set) var commits = 0
    private(set) var proofs = 0
    private(set) var controllerErrors: [String] = []
    /// Old desired documents by device: for those who replay them.
    private(set) var documents: [DeviceID: [[UInt8]]] = [:]

    /// Timers of a device that may go off in one second: no device of 5,000 seeds had more, and one that is always due has
    /// a thousand.
    static let timersPerSecond = 300

    /// Violations beyond which a world is not worth going on with.
    static let violationLimit = 20

    init(world: World, devices: Int) {
        self.world = world
        records = Array(repeating: Record(), count: devices)
    }

    func found(_ text: String, device: VirtualDevice?) {
        guard violations.count < Self.violationLimit else { return }
        world.trace(.violation, device?.index ?? -1) { "VIOLATION \(device?.id.text ?? ""): \(text)" }
        violations.append(
            Violation(step: world.queue.step, time: world.queue.now, device: device?.id.text, text: text))
    }

    func restless(_ device: VirtualDevice) {
        found("is awake more than \(Self.timersPerSecond) times in a second", device: device)
    }

    // MARK: What serves

    func heard(_ device: VirtualDevice, _ notice: DeviceNotice) {
        world.trace(.notice, device.index) { "\(device.id): \(notice)" }
        switch notice {
        case .serving(_, _, let release): serving(device, release)
        case .phase(_, let phase, let release, let failure, _):
            if phase == .committed { committed(device, release) }
            if phase == .staged || phase == .proving { checkStaged(device, release) }
            if world.plan.isScenario {
                world.chronicle.heard(device.index, phase, release, failure, at: world.queue.now)
            }
        case .acknowledged(let ack): acknowledged(device, ack)
        case .gathered(let blob): checkGathered(device, blob)
        case .connected, .disconnected, .renewal, .problem: break
        }
    }

    private func serving(_ device: VirtualDevice, _ digest: Digest?) {
        records[device.index].serving = digest
        guard let digest else { return }
        guard let release = world.fixture.sound(digest) else {
            let what = world.fixture.attacks.first { $0.value.digest == digest }?.key.rawValue
            return found("serves \(digest.short) (\(what ?? "unsound")), which must never run", device: device)
        }
        let record = records[device.index]
        if release.counter < record.counter, !record.committed.contains(digest) {
            found("serves counter \(release.counter) after \(record.counter)", device: device)
        }
        records[device.index].counter = max(record.counter, release.counter)
        let path = "\(device.folder)/images/\(release.imageDigest.hex)"
        if device.flash.contents(path) != release.image {
            found("serves \(release.name), and the image on its disk is not whole", device: device)
        }
    }

    /// What a device holds ready is what people signed, byte for byte, whether it will prove itself or not.
    private func checkStaged(_ device: VirtualDevice, _ digest: Digest?) {
        guard let release = world.fixture.releases.values.first(where: { $0.digest == digest }),
            !isRotten(device)
        else { return }
        let path = "\(device.folder)/images/\(release.imageDigest.hex)"
        if device.flash.contents(path) != release.image {
            found("takes an image for that of \(release.name) which is not", device: device)
        }
    }

    private func committed(_ device: VirtualDevice, _ digest: Digest?) {
        guard let digest, world.fixture.sound(digest) != nil, records[device.index].committed.last != digest else {
            return
        }
        commits += 1
        if digest == world.lastRelease?.digest { world.committedLast(device) }
        records[device.index].committed.removeAll { $0 == digest }
        records[device.index].committed.append(digest)
    }

    func serving(_ device: VirtualDevice) -> Digest? { records[device.index].serving }

    func isRotten(_ device: VirtualDevice) -> Bool { records[device.index].isRotten }

    func rotted(_ device: VirtualDevice) { records[device.index].isRotten = true }

    func champion(_ device: VirtualDevice) -> Digest? { records[device.index].committed.last }

    // MARK: Boots

    func booted(_ device: VirtualDevice) {
        records[device.index].observed = 0
        records[device.index].bootFailures = 0
        records[device.index].serving = nil
    }

    /// What was committed serves right after every boot: with a rotten champion the one before.
    func checkRunning(_ device: VirtualDevice, isReady: Bool) {
        let record = records[device.index]
        let needed = record.isRotten ? 2 : 1
        if record.committed.count >= needed, !isReady {
            found(
                "serves nothing after a boot, though \(record.committed.count) releases were committed", device: device)
        }
    }

    func cannotBoot(_ device: VirtualDevice, _ error: String) {
        world.trace(.notice, device.index) { "\(device.id) cannot start: \(error)" }
        if device.flash.freeBytes > 1 << 20 { found("cannot start: \(error)", device: device) }
    }

    // MARK: Pulls

    /// A blob that is said to be whole is whole: each of its chunks is on the disk, as its map says.
    private func checkGathered(_ device: VirtualDevice, _ blob: Digest) {
        let path = "\(device.folder)/partial/\(blob.hex)"
        // Before the map itself its file has 32 bytes of a digest and one for the carrier.
        guard let stored = device.flash.contents(path + ".map"),
            let map = try? BlobMap(decoding: Array(stored.dropFirst(33))), let bytes = device.flash.contents(path)
        else { return found("blob \(blob.short) is said to be whole, and is not on the disk", device: device) }
        for chunk in map.chunks.indices {
            let range = map.range(ofChunk: chunk)
            if range.upperBound > bytes.count || SHA256.hash(bytes[range]) != map.chunks[chunk] {
                return found("blob \(blob.short) is said to be whole, and chunk \(chunk) is not", device: device)
            }
        }
    }

    // MARK: What is sent

    func sent(_ device: VirtualDevice, _ topic: String, _ payload: [UInt8]) {
        guard let parsed = try? Topics().parse(topic) else { return }
        switch parsed {
        case .report:
            guard let report = try? Report(decoding: payload) else {
                return found("sends a broken report", device: device)
            }
            note(device, MessageKey(stream: .report, boot: report.boot, sequence: report.sequence), payload)
        case .sample:
            guard let sample = try? SampleMessage(decoding: payload) else {
                return found("sends a broken sample", device: device)
            }
            note(device, MessageKey(stream: .sample, boot: sample.boot, sequence: sample.sequence), payload)
        case .log:
            guard let log = try? DeviceLog(decoding: payload) else {
                return found("sends a broken log", device: device)
            }
            note(device, MessageKey(stream: .log, boot: log.boot, sequence: log.sequence), payload)
        case .reported:
            guard let reported = try? Reported(decoding: payload) else {
                return found("sends a broken reported document", device: device)
            }
            checkGeneration(device, reported.observedGeneration)
        default: break
        }
    }

    private func note(_ device: VirtualDevice, _ key: MessageKey, _ payload: [UInt8]) {
        if let before = records[device.index].sent.updateValue(payload, forKey: key) {
            if before != payload { found("sends two messages under the key \(key)", device: device) }
            return
        }
        switch key.stream {
        case .report: reports += 1
        case .sample: samples += 1
        case .log: break
        }
    }

    private func checkGeneration(_ device: VirtualDevice, _ generation: UInt64) {
        let before = records[device.index].observed
        if generation < before {
            found("observes generation \(generation) after \(before)", device: device)
        }
        records[device.index].observed = generation
    }

    private func acknowledged(_ device: VirtualDevice, _ ack: Ack) {
        for stream in ack.streams {
            for key in records[device.index].sent.keys
            where key.boot == ack.boot && key.stream == stream.stream && key.sequence <= stream.highest
                && !stream.holes.contains(where: { $0.contains(key.sequence) })
            {
                records[device.index].acknowledged.insert(key)
            }
        }
    }

    func desired(_ device: DeviceID, _ document: [UInt8]) {
        if documents[device]?.last != document { documents[device, default: []].append(document) }
    }

    // MARK: Inferences

    func inferring(_ device: VirtualDevice) { records[device.index].inferences += 1 }

    func inferred(_ device: VirtualDevice, _ frame: [Float], _ answer: Inference) {
        let record = records[device.index]
        if answer.release != record.serving {
            found(
                "answers with \(answer.release.short) while \(record.serving?.short ?? "nothing") serves",
                device: device)
        }
        guard let release = world.fixture.sound(answer.release) else { return }
        if answer.image != release.imageDigest { found("answers with another image", device: device) }
    }

    func inferenceFailed(_ device: VirtualDevice, _ error: String) {
        guard !device.flash.isDead else { return }
        found("an inference fails: \(error)", device: device)
    }

    func controllerFailed(_ error: String) {
        world.trace(.notice, -1) { "controller: \(error)" }
        controllerErrors.append(error)
    }

    // MARK: The end

    /// What the controller's database must hold of a device once everything is quiet.
    func checkStored(_ device: VirtualDevice, _ rows: StoredMessages) {
        let record = records[device.index]
        for (key, payload) in record.sent.sorted(by: { $0.key < $1.key }) {
            guard let stored = rows.messages[key] else {
                let isAcknowledged = record.acknowledged.contains(key)
                // The log is what a device gives up first, sent or not.
                if key.stream == .log, !isAcknowledged { continue }
                found("\(key) is not stored\(isAcknowledged ? ", and was acknowledged" : "")", device: device)
                continue
            }
            if key.stream == .report, stored != payload { found("\(key) is stored with other bytes", device: device) }
        }
        for key in rows.messages.keys.sorted() where record.sent[key] == nil {
            found("\(key) is stored and was never sent", device: device)
        }
        if rows.inferences > record.inferences {
            found("\(rows.inferences) inferences are stored, it made \(record.inferences)", device: device)
        }
    }

    /// Everything that must have come about once faults have stopped.
    func checkConverged(_ device: VirtualDevice, to release: FixtureRelease) -> Bool {
        records[device.index].serving == release.digest && records[device.index].committed.last == release.digest
    }

    func checkBounds(_ device: VirtualDevice) {
        let images = device.flash.names(in: "\(device.folder)/images").count
        if images > 4 { found("holds \(images) images", device: device) }
        if let queued = device.link?.mostQueued, queued > 512 { found("queued \(queued) messages", device: device) }
        if device.flash.used > (2 << 20) + 6 * world.fixture.largestImage {
            found("its disk holds \(device.flash.used) bytes", device: device)
        }
    }
}

/// Names one report, sample or message of the log of a device.
struct MessageKey: Hashable, Comparable, CustomStringConvertible {
    var stream: StreamKind
    var boot: String
    var sequence: UInt64

    var description: String { "\(stream.rawValue) \(boot.prefix(6))/\(sequence)" }
    static func < (a: Self, b: Self) -> Bool {
        (a.stream.rawValue, a.boot, a.sequence) < (b.stream.rawValue, b.boot, b.sequence)
    }
}

/// What the controller's database holds of one device.
struct StoredMessages {
    var messages: [MessageKey: [UInt8]] = [:]
    var inferences = 0
}
