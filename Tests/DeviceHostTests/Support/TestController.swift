import DeviceHost
import FleetCrypto
import FleetModel
import FleetWire
import Foundation
import MQTTTransport
import Synchronization
import Testing

/// What a controller does, reduced to what devices see of it.
final class TestController: Sendable {
    struct Seen {
        var presence: [DeviceID: Presence] = [:]
        var reported: [DeviceID: Reported] = [:]
        var reports: [Report] = []
        var samples: [SampleMessage] = []
        var needs: [Need] = []
        var fetches: [Need] = []
    }

    let seen = Mutex(Seen())
    /// Whether reports and samples are acknowledged.
    let acknowledges = Mutex(true)
    private let answers = Mutex<[Digest: TestBlob]>([:])
    let loop: MQTTLoop
    let trust: TestTrust
    private let client: MQTTClient

    init(broker: TestBroker, loop: MQTTLoop) throws {
        self.loop = loop
        trust = try TestTrust()
        final class Box: Sendable { let controller = Mutex<(@Sendable (MQTTEvent) -> Void)?>(nil) }
        let box = Box()
        client = try loop.makeClient(
            MQTTConfiguration(
                host: "127.0.0.1", port: broker.port, clientID: "controller-\(UUID().uuidString.prefix(8))")
        ) { event in box.controller.withLock { $0 }?(event) }
        box.controller.withLock { $0 = { [weak self] event in self?.receive(event) } }
        client.subscribe([Topics().allUp], qos: .atLeastOnce)
        client.connect()
    }

    private func receive(_ event: MQTTEvent) {
        guard case .message(let message) = event, !message.payload.isEmpty,
            let topic = try? Topics().parse(message.topic)
        else { return }
        seen.withLock { seen in
            switch topic {
            case .presence(let device): seen.presence[device] = try? Presence(decoding: message.bytes)
            case .reported(let device): seen.reported[device] = try? Reported(decoding: message.bytes)
            case .report: if let report = try? Report(decoding: message.bytes) { seen.reports.append(report) }
            case .sample: if let sample = try? SampleMessage(decoding: message.bytes) { seen.samples.append(sample) }
            case .need: if let need = try? Need(decoding: message.bytes) { seen.needs.append(need) }
            case .fetch: if let fetch = try? Need(decoding: message.bytes) { seen.fetches.append(fetch) }
            default: break
            }
        }
        if case .fetch(let device) = topic, let request = try? Need(decoding: message.bytes) {
            return answer(request, from: device)
        }
        if let device = topic.device, acknowledges.withLock({ $0 }) { acknowledge(topic, device, message.bytes) }
    }

    private func acknowledge(_ topic: Topic, _ device: DeviceID, _ bytes: [UInt8]) {
        let ack: Ack
        if case .report = topic, let report = try? Report(decoding: bytes) {
            ack = Ack(boot: report.boot, streams: [StreamAck(stream: .report, highest: report.sequence, holes: [])])
        } else if case .sample = topic, let sample = try? SampleMessage(decoding: bytes) {
            ack = Ack(boot: sample.boot, streams: [StreamAck(stream: .sample, highest: sample.sequence, holes: [])])
        } else if case .log = topic, let log = try? DeviceLog(decoding: bytes) {
            ack = Ack(boot: log.boot, streams: [StreamAck(stream: .log, highest: log.sequence, holes: [])])
        } else {
            return
        }
        publish(.ack(device), ack.encoded())
    }

    // MARK: Publishing

    func publish(_ topic: Topic, _ payload: [UInt8]) {
        client.publish(topic: topic.text, payload: payload, qos: .atLeastOnce, retain: topic.isRetained)
    }

    func publishRoles(number: UInt64 = 1) throws { publish(.roles, try trust.roles(number: number)) }

    /// Publishes manifest, map and chunks; gives the release's digest.
    func publish(
        _ release: TestRelease, keys: [SigningKey]? = nil, codec: BlobCodec = .raw, chunkBytes: Int = 128,
        skippingChunks skipped: Set<Int> = [], damaging: Int? = nil
    ) throws -> Digest {
        let message = try release.signed(by: keys ?? trust.people)
        let digest = SHA256.hash(message)
        publish(.release(digest), message)
        publish(
            try TestBlob(of: release.image, codec: codec, chunkBytes: chunkBytes), skippingChunks: skipped,
            damaging: damaging)
        return digest
    }

    /// Publishes a map and chunks to stay.
    func publish(
        _ blob: TestBlob, only: Set<Int>? = nil, skippingChunks skipped: Set<Int> = [], damaging: Int? = nil
    ) {
        publish(.blobMap(blob.name), blob.map.encoded())
        for (index, chunk) in blob.chunks.enumerated()
        where !skipped.contains(index) && only?.contains(index) ?? true {
            publish(blob.map.topic(ofChunk: index, in: blob.name), damaging == index ? chunk.map { $0 ^ 1 } : chunk)
        }
    }

    /// Takes chunks away from the broker.
    func unpublish(_ blob: TestBlob, chunks: Set<Int>) {
        for chunk in chunks.sorted() { publish(blob.map.topic(ofChunk: chunk, in: blob.name), []) }
    }

    /// Sends this blob's map and chunks to whoever asks for them from now on.
    func answer(_ blob: TestBlob) { answers.withLock { $0[blob.name] = blob } }

    private func answer(_ request: Need, from device: DeviceID) {
        guard let blob = answers.withLock({ $0[request.blob] }) else { return }
        if request.missing.isEmpty { publish(.ownBlobMap(device, blob.name), blob.map.encoded()) }
        for chunk in request.missing.flatMap({ Array($0) }) {
            let pages = blob.map.pageChunks
            publish(.ownChunk(device, blob.name, page: chunk / pages, index: chunk % pages), blob.chunks[chunk])
        }
    }

    func want(
        _ release: Digest?, on device: DeviceID, in slot: SlotName = .main, generation: UInt64,
        activation: ActivationCondition = .now,
        policy: DevicePolicy = DevicePolicy(
            reportInterval: Interval(milliseconds: 200),
            sampling: SamplingPolicy(floor: 0.5, slope: 0.5, bytesPerDay: 1 << 24, burstBytes: 1 << 20)),
        sources: [BlobSource] = []
    ) {
        let slots = release.map {
            [
                DesiredSlot(
                    slot: slot, release: $0, activation: activation,
                    deadline: Instant(milliseconds: 4_000_000_000_000), sources: sources)
            ]
        }
        publish(.desired(device), Desired(generation: generation, slots: slots ?? [], policy: policy).encoded())
    }

    // MARK: Looking

    func slot(_ device: DeviceID, _ name: SlotName = .main) -> ReportedSlot? {
        seen.withLock { $0.reported[device]?.slots.first { $0.slot == name } }
    }

    func receipts(_ device: DeviceID, _ name: SlotName = .main) -> [Receipt] {
        (slot(device, name)?.receipts ?? []).compactMap { bytes in
            (try? COSESign(decoding: bytes)).flatMap { try? Receipt(decoding: $0.payload) }
        }
    }
}

/// Waits until something holds.
@discardableResult
func eventually(
    _ what: Comment, seconds: Double = 10, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () -> Bool
) -> Bool {
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
        if condition() { return true }
        usleep(5000)
    }
    #expect(Bool(false), what, sourceLocation: sourceLocation)
    return false
}
