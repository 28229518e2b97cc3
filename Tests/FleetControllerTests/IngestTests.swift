import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import GRDB
import MQTTTransport
import Testing

@testable import FleetController

@Suite("Ingest")
struct IngestTests {
    let fleet: TestFleet
    let broker = FakeBroker()
    let device: DeviceID

    init() async throws {
        fleet = try await TestFleet()
        device = try await fleet.makeDevices(["d1"], tags: ["side": "L"])[0]
    }

    private func acks() throws -> [Ack] {
        try broker.published.filter { $0.topic == .ack(device) }.map { try Ack(decoding: $0.payload) }
    }

    private func counts() async throws -> (reports: Int, samples: Int) {
        try await fleet.read { (try ReportRecord.fetchCount($0), try SampleRecord.fetchCount($0)) }
    }

    // MARK: Exactly once

    @Test("a report that comes three times counts once and is acknowledged each time")
    func duplicates() async throws {
        let release = try await fleet.approvedRelease()
        let report = try TestFleet.report(release).encoded()
        for _ in 0..<3 { await fleet.ingest([(.report(device), report)], broker: broker) }
        #expect(try await counts().reports == 1)
        let expected = Ack(boot: "b1", streams: [StreamAck(stream: .report, highest: 1, holes: [])])
        #expect(try acks() == [expected, expected, expected])
        let cursor = try #require(try await fleet.read { try StreamCursorRecord.fetchOne($0) })
        #expect(cursor.received == 1)
        #expect(cursor.duplicates == 2)
    }

    @Test("an acknowledgement names the holes, per boot and stream")
    func holes() async throws {
        let release = try await fleet.approvedRelease()
        var messages: [(Topic, [UInt8])] = []
        for sequence in [1, 2, 5, 9, 7] as [UInt64] {
            messages.append((.report(device), try TestFleet.report(release, sequence: sequence).encoded()))
        }
        messages.append((.sample(device), try TestFleet.sample(release, sequence: 2).encoded()))
        messages.append((.report(device), try TestFleet.report(release, boot: "b2", sequence: 1).encoded()))
        await fleet.ingest(messages, broker: broker)
        let found = try acks().sorted { $0.boot < $1.boot }
        let reports = StreamAck(stream: .report, highest: 9, holes: [3..<5, 6..<7, 8..<9])
        let samples = StreamAck(stream: .sample, highest: 2, holes: [1..<2])
        #expect(found.map(\.boot) == ["b1", "b2"])
        #expect(found.first?.streams == [reports, samples])
        #expect(found.last?.streams == [StreamAck(stream: .report, highest: 1, holes: [])])
        await fleet.ingest([(.report(device), try TestFleet.report(release, sequence: 4).encoded())], broker: broker)
        #expect(try acks().last?.streams.first?.holes == [3..<4, 6..<7, 8..<9])
    }

    @Test("what was told to be committed is in the database after a restart")
    func restart() async throws {
        let release = try await fleet.approvedRelease()
        await fleet.ingest([(.report(device), try TestFleet.report(release).encoded())], broker: broker)
        #expect(try acks().count == 1)
        try fleet.restart()
        #expect(try await counts().reports == 1)
    }

    @Test("holes are bounded: the oldest is forgotten first")
    func holeLimit() {
        var cursor = StreamCursorRecord(
            device: device, boot: "b", stream: "report", highest: 0, holes: SequenceHoles(), updatedAt: .epoch)
        for step in 1...UInt64(IngestLimits.holes + 3) { cursor.move(to: 2 * step) }
        #expect(cursor.holes.ranges.count == IngestLimits.holes)
        #expect(cursor.holes.ranges.first == 7..<8)
    }

    // MARK: Samples

    @Test("a sample keeps frame, scores and the device's tags, and names what the model saw")
    func sample() async throws {
        let release = try await fleet.approvedRelease()
        await fleet.ingest([(.sample(device), try TestFleet.sample(release, scores: [0.25, 0.75]).encoded())])
        let sample = try #require(try await fleet.read { try SampleRecord.fetchOne($0) })
        #expect(sample.frame == [0, 1, 2, 3])
        #expect(sample.predictedClass == "ABD")
        #expect(sample.confidence == 0.75)
        #expect(sample.margin == 0.5)
        #expect(sample.tags == ["side": "L"])
        #expect(sample.probability == 0.5)
    }

    @Test("a sample in parts is stored once all are there, in any order", arguments: [[0, 1], [1, 0], [1, 1, 0, 0]])
    func parts(order: [Int]) async throws {
        let release = try await fleet.approvedRelease()
        for part in order {
            let message = try TestFleet.sample(
                release, values: part == 0 ? [0, 1] : [2, 3], part: part, partCount: 2)
            await fleet.ingest([(.sample(device), message.encoded())], broker: broker)
        }
        let samples = try await fleet.read { try SampleRecord.fetchAll($0) }
        #expect(samples.map(\.frame) == [[0, 1, 2, 3]])
        #expect(try await fleet.read { try SamplePartRecord.fetchCount($0) } == 0)
        #expect(try acks().last?.streams == [StreamAck(stream: .sample, highest: 1, holes: [])])
    }

    @Test("an incomplete sample is not acknowledged, and only the newest few are kept")
    func incomplete() async throws {
        let release = try await fleet.approvedRelease()
        for sequence in 1...UInt64(IngestLimits.openSamples + 2) {
            let message = try TestFleet.sample(release, sequence: sequence, values: [0], part: 0, partCount: 2)
            await fleet.ingest([(.sample(device), message.encoded())], broker: broker)
            fleet.clock.advance(.seconds(1))
        }
        #expect(try acks().isEmpty)
        #expect(try await fleet.read { try SamplePartRecord.fetchCount($0) } == IngestLimits.openSamples)
    }

    // MARK: Presence

    @Test("the will of an earlier connection does not take the next one offline")
    func lateWill() async throws {
        let facts = DeviceFacts(
            hardware: "pi", agentVersion: "1.0.0", runtimeVersion: "1.0.0", instructionSet: "neon", capabilities: [])
        func presence(_ online: Bool, _ boot: String, _ session: UInt64) -> (Topic, [UInt8]) {
            (
                .presence(device),
                Presence(online: online, boot: boot, session: session, facts: facts, images: []).encoded()
            )
        }
        func isOnline() async throws -> Bool {
            try await fleet.read { try DeviceRecord.fetchOne($0, key: device)?.online ?? false }
        }
        await fleet.ingest([presence(true, "b1", 1), presence(true, "b1", 2), presence(false, "b1", 1)])
        #expect(try await isOnline())
        await fleet.ingest([presence(false, "b1", 2)])
        #expect(try await !isOnline())
        await fleet.ingest([presence(true, "b2", 1), presence(false, "b1", 2)])
        #expect(try await isOnline())
        #expect(try await fleet.read { try DeviceRecord.fetchOne($0, key: device)?.hardware } == "pi")
    }

    // MARK: Refusals

    @Test(
        "rubbish is refused, counted and alerted, and does no harm to what comes with it",
        arguments: ["rubbish", "oversized", "unknownRelease", "wrongShape", "unknownDevice"])
    func refused(_ kind: String) async throws {
        let release = try await fleet.approvedRelease()
        var report = try TestFleet.report(release, sequence: 7)
        var topic = Topic.report(device)
        var payload: [UInt8]
        switch kind {
        case "rubbish": payload = [0xFF, 0x00, 0x13]
        case "oversized": payload = Array(repeating: 0, count: Report.byteLimit + 1)
        case "unknownRelease":
            report.release = SHA256.hash([1])
            payload = report.encoded()
        case "wrongShape":
            report.predictions = [1, 2, 3]
            payload = report.encoded()
        default:
            topic = .report(try DeviceID("stranger"))
            payload = report.encoded()
        }
        await fleet.ingest(
            [(topic, payload), (.report(device), try TestFleet.report(release).encoded())], broker: broker)
        #expect(try await counts().reports == 1)
        let alerts = try await fleet.read { try AlertRecord.filter(Column("kind") == AlertKind.ingest).fetchAll($0) }
        #expect(alerts.map(\.subject) == [kind == "unknownDevice" ? "stranger" : "d1"])
        #expect(try acks().map { $0.streams.map(\.highest) } == [[1]])
    }

    @Test("a flood of rubbish opens one alert, told anew once a minute")
    func flood() async throws {
        let rubbish = Array(repeating: (Topic.report(device), [UInt8](repeating: 0xFF, count: 3)), count: 100)
        let service = fleet.ingestService(broker)
        for round in 0..<3 {
            for (topic, payload) in rubbish { payload.withUnsafeBytes { service.receive(topic, $0) } }
            await service.process(service.queue.drain(limit: .max))
            if round == 1 { fleet.clock.advance(.minutes(2)) }
        }
        let alert = try #require(try await fleet.read { try AlertRecord.fetchOne($0) })
        #expect(alert.occurrences == 2)
        #expect(alert.reason.contains("(200 since"))
    }

    @Test("a revoked device is not heard any more")
    func revoked() async throws {
        let release = try await fleet.approvedRelease()
        try await fleet.controller.devices.revoke(device, reason: "stolen", by: TestFleet.alice)
        func alerts() async throws -> Int {
            try await fleet.read { try AlertRecord.filter(Column("kind") == AlertKind.ingest).fetchCount($0) }
        }
        let facts = DeviceFacts(
            hardware: "x", agentVersion: "1", runtimeVersion: "1", instructionSet: "x", capabilities: [])
        let will = Presence(online: false, boot: "b1", session: 1, facts: facts, images: [])
        await fleet.ingest([(.presence(device), will.encoded())], broker: broker)
        #expect(try await alerts() == 0, "the will of the session that was ended")
        await fleet.ingest([(.report(device), try TestFleet.report(release).encoded())], broker: broker)
        #expect(try await counts().reports == 0)
        #expect(try await alerts() == 1)
        #expect(fleet.pki.revoked == ["serial-d1"])
    }

    @Test("a receipt counts only under the device's own key and for what the release holds", arguments: [true, false])
    func receipts(isOwn: Bool) async throws {
        let release = try await fleet.approvedRelease()
        let other = try await fleet.makeDevices(["d2"])[0]
        let (_, payload) = try await fleet.committed(isOwn ? device : other, release)
        await fleet.ingest([(.reported(device), payload)], broker: broker)
        #expect(try await fleet.read { try ReceiptRecord.fetchCount($0) } == (isOwn ? 1 : 0))
    }

    @Test("of receipts that come again with a new one, the new one is stored, and each once")
    func receiptAgain() async throws {
        var told: [[UInt8]] = []
        for count in 1...2 {
            let (topic, payload) = try await fleet.committed(device, fleet.approvedRelease(size: 100 * count))
            var reported = try Reported(decoding: payload)
            told += reported.slots[0].receipts
            reported.slots[0].receipts = told
            await fleet.ingest([(topic, reported.encoded())], broker: broker)
            #expect(try await fleet.read { try ReceiptRecord.fetchCount($0) } == count)
        }
        #expect(told.count == 2)
    }

    @Test("what an audit asked for goes to the audit alone, and what devices say to ingest")
    func addressees() throws {
        typealias Addressee = ControllerConnection.Addressee
        let reported = Topic.reported(device)
        #expect(Addressee(of: reported, isRetained: true, qos: .atMostOnce) == .audit)
        #expect(Addressee(of: reported, isRetained: true, qos: .atLeastOnce) == .ingest, "at a connect")
        #expect(Addressee(of: reported, isRetained: false, qos: .atLeastOnce) == .ingest)
        #expect(Addressee(of: .report(device), isRetained: false, qos: .atLeastOnce) == .ingest)
        #expect(Addressee(of: .desired(device), isRetained: true, qos: .atMostOnce) == .audit)
        #expect(Addressee(of: .refused, isRetained: false, qos: .atMostOnce) == .refusals)
    }

    @Test("the queue drops what does not fit, and the device sends it again")
    func overflow() throws {
        let queue = IngestQueue()
        let message = IngestMessage(topic: .report(device), payload: [1], received: .epoch)
        for _ in 0..<IngestLimits.queuedMessages { #expect(queue.push(message)) }
        #expect(!queue.push(message))
        #expect(queue.takeDropped() == 1)
        #expect(queue.drain(limit: 10).count == 10)
        #expect(queue.push(message))
    }
}
