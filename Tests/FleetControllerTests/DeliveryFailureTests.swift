import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import GRDB
import Testing

@testable import FleetController

@Suite("Delivery of several images, of which some fail")
struct DeliveryFailureTests {
    private let broker = FakeBroker()

    /// A release of 20 chunks that is on its way to one device.
    private struct Sent {
        let device: DeviceID
        let release: Digest
        let image: Digest
    }

    /// A fleet of two devices, each with a release of its own on its way to it.
    private func fleet(_ change: (inout ControllerConfiguration) -> Void = { _ in }) async throws -> (TestFleet, [Sent])
    {
        let fleet = try await TestFleet {
            $0.timeInterval = .seconds(0)
            change(&$0)
        }
        var sent: [Sent] = []
        for device in try await fleet.makeDevices(["d1", "d2"]) {
            let release = try await fleet.approvedRelease(size: 20 * WireLimits.chunkBytes - 100)
            try await fleet.rollOut(release, to: try Selector("id=\(device)"))
            sent.append(
                Sent(
                    device: device, release: try #require(release.record.digest),
                    image: try #require(release.manifest.parts.first).image.digest))
        }
        return (fleet, sent)
    }

    private func isOut(_ sent: Sent) -> Bool {
        let held = broker.retained
        let chunks = (0..<20).map { Topic.chunk(sent.image, page: $0 / 16, index: $0 % 16) }
        return ([.blobMap(sent.image), .release(sent.release), .desired(sent.device)] + chunks).allSatisfy {
            held[$0] != nil
        }
    }

    private func chunks(of image: Digest) -> Int {
        broker.retained.keys.count { if case .chunk(image, _, _) = $0 { true } else { false } }
    }

    private func file(_ fleet: TestFleet, of image: Digest) async throws -> Digest {
        try #require(try await fleet.read { try DeliveryRecord.fetchOne($0, key: image) }).file
    }

    // MARK: Rounds

    @Test("all images that a round encodes go out in it, with their releases and documents")
    func several() async throws {
        let (fleet, sent) = try await fleet()
        try await fleet.delivery(over: broker).round()
        #expect(sent.map(isOut) == [true, true])
    }

    @Test(
        "an image that cannot be encoded keeps back what names it and nothing else, is told, and is tried again later",
        arguments: [0, 1])
    func unencodable(_ number: Int) async throws {
        let (fleet, all) = try await fleet()
        let (bad, good) = (all[number], all[1 - number])
        let whole = try fleet.lose(bad.image)
        let service = fleet.delivery(over: broker)
        try await service.round()
        #expect(isOut(good))
        for topic in [Topic.blobMap(bad.image), .release(bad.release), .desired(bad.device)] {
            #expect(broker.retained[topic] == nil)
        }
        let alert = try #require(try await fleet.openFailures().first)
        #expect(alert.subject == bad.image.short)
        #expect(alert.severity == .critical)
        #expect(alert.reason.contains(bad.image.hex))
        #expect(alert.reason.contains("restore the data folder's blobs from its backup"))
        #expect(alert.action.contains("told of no release that needs it"))

        try fleet.mend(whole)
        broker.forgetPublished()
        try await service.round()
        #expect(broker.published.isEmpty, "left alone for a while")
        fleet.clock.advance(DeliveryLimits.failurePause)
        try await service.round()
        #expect(isOut(bad))
        #expect(try await fleet.openFailures().isEmpty)
    }

    // MARK: Requests

    @Test(
        "a damaged image that a device asks for is taken from the broker and told, and nothing of it is sent to anybody"
    )
    func askedFor() async throws {
        let (fleet, sent) = try await fleet()
        let service = fleet.delivery(over: broker)
        try await service.round()
        let whole = try fleet.damage(try await file(fleet, of: sent[0].image))
        try await service.answer(Need(blob: sent[0].image, missing: [0..<4]), from: sent[0].device)
        #expect(broker.retained[.blobMap(sent[0].image)] == nil)
        #expect(chunks(of: sent[0].image) == 0)
        #expect(isOut(sent[1]))
        let alert = try #require(try await fleet.openFailures().first)
        #expect(alert.subject == sent[0].image.short)
        #expect(alert.reason.contains("chunk 1 of image"))

        broker.forgetPublished()
        for missing in [[], [0..<1]] {
            try await service.answer(Need(blob: sent[0].image, missing: missing), from: sent[0].device)
        }
        #expect(broker.published.isEmpty)
        try fleet.mend(whole)
        fleet.clock.advance(DeliveryLimits.failurePause)
        try await service.round()
        #expect(isOut(sent[0]))
        #expect(try await fleet.openFailures().isEmpty)
    }

    @Test("past the cap a damaged image lets its release wait, is told for as long as it is damaged, and is not sent")
    func askedForPastTheCap() async throws {
        let (fleet, all) = try await fleet { $0.retainedBytesLimit = 100_000 }
        let (bad, good) = (all[0], all[1])
        let service = fleet.delivery(over: broker)
        try await service.encode(service.needs().unencoded)
        let whole = try fleet.damage(try await file(fleet, of: bad.image))
        try await service.round()
        #expect(broker.retained[.release(bad.release)] == nil)
        #expect(broker.retained[.release(good.release)] != nil)
        try fleet.mend(whole)
        fleet.clock.advance(DeliveryLimits.failurePause)
        try await service.round()
        #expect(broker.retained[.release(bad.release)] != nil)
        #expect(try await fleet.openFailures().isEmpty)

        _ = try fleet.damage(try await file(fleet, of: bad.image))
        let request = Need(blob: bad.image, missing: [0..<4])
        try await service.answer(request, from: bad.device)
        for _ in 0..<3 {
            #expect(try await fleet.openFailures().map(\.subject) == [bad.image.short])
            broker.forgetPublished()
            try await service.answer(request, from: bad.device)
            #expect(broker.published.isEmpty)
            fleet.clock.advance(DeliveryLimits.failurePause)
            try await service.round()
        }
        try fleet.mend(whole)
        fleet.clock.advance(DeliveryLimits.failurePause)
        try await service.round()
        #expect(try await fleet.openFailures().isEmpty)
        try await service.answer(request, from: bad.device)
        #expect(broker.published.map(\.topic).contains(.ownChunk(bad.device, bad.image, page: 0, index: 1)))
    }

    // MARK: Clearing

    @Test("a blob whose map cannot be read any more is cleared like the others", arguments: [0, 1])
    func unreadableMap(_ number: Int) async throws {
        let (fleet, sent) = try await fleet()
        let service = fleet.delivery(over: broker)
        try await service.round()
        let now = fleet.clock.now
        let bad = sent[number].image
        try await fleet.controller.store.database.write { database in
            try database.execute(sql: "UPDATE release SET stage = 'retired', retiredAt = ?", arguments: [now])
            try database.execute(sql: "UPDATE delivery SET map = x'00' WHERE blob = ?", arguments: [bad])
        }
        fleet.clock.advance(fleet.controller.configuration.retainedGrace)
        fleet.clock.advance(.seconds(1))
        try await service.round()
        for image in sent.map(\.image) {
            #expect(broker.retained[.blobMap(image)] == nil)
            #expect(chunks(of: image) == 0)
        }
        #expect(try await service.needs().unused.isEmpty)
    }
}
