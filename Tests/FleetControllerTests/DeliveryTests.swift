import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import MQTTTransport
import Testing

@testable import FleetController

@Suite("Delivery")
struct DeliveryTests {
    let broker = FakeBroker()

    /// A fleet with a release of 20 chunks on its way to two devices.
    private func fleet(_ change: (inout ControllerConfiguration) -> Void = { _ in }) async throws -> (
        TestFleet, ReleaseDetail
    ) {
        let fleet = try await TestFleet {
            // Signed time is published at each connect; it has tests of its own.
            $0.timeInterval = .seconds(0)
            change(&$0)
        }
        try await fleet.makeDevices(["d1", "d2"])
        let release = try await fleet.approvedRelease(size: 20 * WireLimits.chunkBytes - 100)
        try await fleet.rollOut(release)
        return (fleet, release)
    }

    /// The broker keeps what each device reported.
    private func report(_ devices: [String] = ["d1", "d2"]) throws {
        for device in devices { broker.send(.reported(try DeviceID(device)), [1], priority: .control) }
    }

    @Test("trust, chunks, map, release and desired documents go out in this order, each once, retained")
    func order() async throws {
        let (fleet, release) = try await fleet()
        let service = fleet.delivery(over: broker)
        try await service.round()
        let image = try #require(release.manifest.parts.first).image.digest
        let digest = try #require(release.record.digest)
        let topics = broker.published.map(\.topic)
        #expect(topics.first == .roles)
        #expect(topics.filter { if case .chunk = $0 { true } else { false } }.count == 20)
        #expect(topics.dropFirst(21).prefix(2) == [.blobMap(image), .release(digest)])
        #expect(Set(topics.suffix(2)) == [.desired(try DeviceID("d1")), .desired(try DeviceID("d2"))])
        #expect(broker.mostInFlight <= DeliveryLimits.chunksInFlight)
        broker.forgetPublished()
        try await service.round()
        #expect(broker.published.isEmpty)
    }

    @Test("the published chunks give the image back, and each has its digest in the map")
    func content() async throws {
        let (fleet, release) = try await fleet()
        try await fleet.delivery(over: broker).round()
        let image = try #require(release.manifest.parts.first).image
        let map = try BlobMap(decoding: try #require(broker.retained[.blobMap(image.digest)]))
        #expect(map.codec == .raw)
        #expect(map.imageBytes == image.bytes)
        var bytes: [UInt8] = []
        for index in map.chunks.indices {
            let chunk = try #require(broker.retained[map.topic(ofChunk: index, in: image.digest)])
            #expect(SHA256.hash(chunk) == map.chunks[index])
            bytes += chunk
        }
        #expect(SHA256.hash(bytes) == image.digest)
    }

    @Test("an image that compresses goes out as zstd")
    func codec() async throws {
        let fleet = try await TestFleet()
        let blobs = fleet.controller.blobs
        let image = [UInt8](repeating: 7, count: 200_000)
        let encoded = try ImageEncoder(blobs: blobs).full(try blobs.write(image))
        let file = try blobs.read(encoded.file)
        #expect(encoded.map.codec == .zstd)
        #expect(file.count < 1000)
        #expect(Array(encoded.map.chunks) == [SHA256.hash(file)])
    }

    @Test("what the controller's disk damaged is not given to the fleet, is told, and holds up nothing else")
    func damaged() async throws {
        let (fleet, release) = try await fleet()
        let service = fleet.delivery(over: broker)
        try await service.encode(service.needs().unencoded)
        let image = try #require(release.manifest.parts.first).image.digest
        let delivery = try #require(try await fleet.read { try DeliveryRecord.fetchOne($0, key: image) })
        let whole = try fleet.damage(delivery.file)
        try await service.round()
        #expect(broker.retained[.blobMap(image)] == nil)
        #expect(!broker.retained.keys.contains { if case .chunk = $0 { true } else { false } }, "nothing in part")
        let open = try await fleet.read { try AlertRecord.fetchAll($0) }
        #expect(open.map(\.kind) == [.delivery])
        #expect(open.first?.reason.contains("chunk 1 of image") == true)
        // The fleet's other business goes on.
        #expect(broker.retained[.roles] != nil)
        let digest = try #require(release.record.digest)
        #expect(broker.retained[.release(digest)] == nil)
        #expect(broker.retained[.desired(try DeviceID("d1"))] == nil, "it would look for a release that is not there")

        try fleet.mend(whole)
        try await service.round()
        #expect(broker.retained[.blobMap(image)] == nil, "left alone for a while")
        fleet.clock.advance(DeliveryLimits.failurePause)
        try await service.round()
        #expect(broker.retained[.blobMap(image)] != nil)
        #expect(broker.retained[.release(digest)] != nil)
        #expect(broker.retained[.desired(try DeviceID("d1"))] != nil)
        #expect(try await fleet.read { try AlertRecord.fetchAll($0) }.allSatisfy { $0.closedAt != nil })
    }

    @Test("what an audit cannot mend is told and tried again")
    func unmended() async throws {
        let (fleet, release) = try await fleet()
        let service = fleet.delivery(over: broker)
        try await service.round()
        try report()
        let image = try #require(release.manifest.parts.first).image.digest
        let chunk = Topic.chunk(image, page: 0, index: 1)
        let delivery = try #require(try await fleet.read { try DeliveryRecord.fetchOne($0, key: image) })
        let whole = try fleet.damage(delivery.file)
        broker.lose(chunk)
        service.connected()
        try await service.round()
        let open = { try await fleet.read { try AlertRecord.fetchAll($0) }.filter { $0.closedAt == nil } }
        #expect(try await open().map(\.subject) == [image.short])
        #expect(broker.retained[chunk] == nil)

        try fleet.mend(whole)
        fleet.clock.advance(DeliveryLimits.failurePause)
        try await service.round()
        #expect(broker.retained[chunk] != nil)
        #expect(try await open().isEmpty)
    }

    @Test("a desired document names the release and rises with every change")
    func desired() async throws {
        let (fleet, release) = try await fleet()
        let service = fleet.delivery(over: broker)
        try await service.round()
        let device = try DeviceID("d1")
        let first = try Desired(decoding: try #require(broker.retained[.desired(device)]))
        #expect(first.slots.map(\.release) == [release.record.digest])
        #expect(first.policy.sampling.enabled)
        _ = try await fleet.controller.policies.put(
            "held-out", kind: .sampling, document: #"{"kind":"sampling","selector":"id=d1","enabled":false}"#,
            by: TestFleet.alice)
        try await service.round()
        let second = try Desired(decoding: try #require(broker.retained[.desired(device)]))
        #expect(second.generation > first.generation)
        #expect(!second.policy.sampling.enabled)
        let other = try Desired(decoding: try #require(broker.retained[.desired(try DeviceID("d2"))]))
        #expect(other.policy.sampling.enabled)
    }

    @Test("after a reconnect only what the broker lost is published again", arguments: 0..<6)
    func audit(_ kind: Int) async throws {
        let (fleet, release) = try await fleet()
        let service = fleet.delivery(over: broker)
        try await service.round()
        try report()
        let image = try #require(release.manifest.parts.first).image.digest
        let lost: [Topic] = [
            .roles, .release(try #require(release.record.digest)), .desired(try DeviceID("d2")), .blobMap(image),
            .chunk(image, page: 1, index: 3), .chunk(image, page: 0, index: 15),
        ]
        if kind == 5 { broker.corrupt(lost[kind]) } else { broker.lose(lost[kind]) }
        let before = broker.retained
        broker.forgetPublished()
        service.connected()
        try await service.round()
        #expect(broker.published.map(\.topic) == [lost[kind]])
        let restored = kind == 5 ? before.count : before.count + 1
        #expect(broker.retained.count == restored)
    }

    @Test("after a reconnect a device whose reported state the broker lost gets its desired document, which it answers")
    func lostReport() async throws {
        let (fleet, _) = try await fleet()
        let service = fleet.delivery(over: broker)
        try await service.round()
        try report(["d1"])
        broker.forgetPublished()
        service.connected()
        try await service.round()
        #expect(broker.published.map(\.topic) == [.desired(try DeviceID("d2"))])
    }

    @Test("what the broker did not take is published in the next round")
    func refused() async throws {
        let (fleet, _) = try await fleet()
        let service = fleet.delivery(over: broker)
        broker.refuseAll(true)
        await #expect(throws: ControllerError.self) { try await service.round() }
        #expect(broker.published.isEmpty)
        broker.refuseAll(false)
        try await service.round()
        // Roles, 20 chunks, their map, the release and two desired documents.
        #expect(broker.retained.count == 25)
    }

    @Test("a restarted controller publishes nothing that the broker still holds")
    func restart() async throws {
        let (fleet, _) = try await fleet()
        try await fleet.delivery(over: broker).round()
        try report()
        try fleet.restart()
        broker.forgetPublished()
        try await fleet.delivery(over: broker).round()
        #expect(broker.published.isEmpty)
    }

    @Test("a hundred requests for one chunk seed it once")
    func reseed() async throws {
        let (fleet, release) = try await fleet()
        let service = fleet.delivery(over: broker)
        try await service.round()
        broker.forgetPublished()
        let image = try #require(release.manifest.parts.first).image.digest
        for _ in 0..<100 { try await service.reseed(Need(blob: image, missing: [3..<5, 19..<4000])) }
        let topics: Set<Topic> = [
            .chunk(image, page: 0, index: 3), .chunk(image, page: 0, index: 4), .chunk(image, page: 1, index: 3),
            .blobMap(image),
        ]
        #expect(broker.published.count == 4)
        #expect(Set(broker.published.map(\.topic)) == topics)
        fleet.clock.advance(DeliveryLimits.reseedPause)
        try await service.reseed(Need(blob: image, missing: [3..<4]))
        #expect(broker.published.count == 6)
        try await service.reseed(Need(blob: SHA256.hash([9]), missing: [0..<1]))
        #expect(broker.published.count == 6)
    }

    @Test("a blob past the cap is not retained; its release is published with an alert, and whoever asks is answered")
    func cap() async throws {
        let (fleet, release) = try await fleet { $0.retainedBytesLimit = 100_000 }
        let service = fleet.delivery(over: broker)
        try await service.round()
        #expect(broker.retained[.release(try #require(release.record.digest))] != nil)
        let image = try #require(release.manifest.parts.first).image.digest
        #expect(broker.retained[.blobMap(image)] == nil)
        let device = try DeviceID("d1")
        try await service.answer(Need(blob: image, missing: []), from: device)
        try await service.answer(Need(blob: image, missing: [0..<2, 40_000..<50_000]), from: device)
        let answers = broker.published.map(\.topic).filter { $0.device == device && !$0.isRetained }
        #expect(
            Set(answers) == [
                .ownBlobMap(device, image), .ownChunk(device, image, page: 0, index: 0),
                .ownChunk(device, image, page: 0, index: 1),
            ])
        let alert = try await fleet.read { try AlertRecord.fetchOne($0) }
        #expect(alert?.kind == .delivery)
    }

    @Test("a retired release's blob is cleared after the grace")
    func clear() async throws {
        let (fleet, release) = try await fleet()
        let service = fleet.delivery(over: broker)
        try await service.round()
        _ = try await fleet.controller.rollouts.abort(1, by: TestFleet.alice)
        for id in ["d1", "d2"] {
            await fleet.ingest([try await fleet.reported(try DeviceID(id), phase: .idle, target: nil)])
        }
        try await fleet.controller.releases.retire(release.record.name, reason: "old", by: TestFleet.alice)
        try await service.round()
        let image = try #require(release.manifest.parts.first).image.digest
        #expect(broker.retained[.blobMap(image)] != nil)
        fleet.clock.advance(fleet.controller.configuration.retainedGrace)
        fleet.clock.advance(.seconds(1))
        try await service.round()
        #expect(broker.retained.keys.allSatisfy { if case .chunk = $0 { false } else { true } })
        #expect(broker.retained[.blobMap(image)] == nil)
    }

    @Test("the limiter's memory is bounded")
    func limiterMemory() {
        var limiter = ReseedLimiter()
        let blob = SHA256.hash([1])
        for chunk in 0..<3 * DeliveryLimits.reseedMemory {
            let isAllowed = limiter.allow(
                .init(blob: blob, chunk: chunk), at: Instant(milliseconds: Int64(chunk) / 100))
            #expect(isAllowed)
        }
        let again = limiter.allow(.init(blob: blob, chunk: 3 * DeliveryLimits.reseedMemory - 1), at: .epoch)
        #expect(!again)
    }
}
