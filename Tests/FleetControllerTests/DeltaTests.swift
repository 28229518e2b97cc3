import BlobCoding
import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import ModelImage
import Synchronization
import Testing

@testable import FleetController

@Suite("Differences between images")
struct DeltaTests {
    private let broker = FakeBroker()

    /// An image of 40,000 weights; a step of 0 leaves them as they are drawn.
    private static func image(seed: UInt64, step: Float = 0) throws -> [UInt8] {
        var state = seed
        let weights = (0..<40_000).map { index -> Float in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let draw = Float(Int64(bitPattern: state >> 40)) / Float(1 << 24) - 0.5
            return draw + (index % 2 == 0 ? step : -step)
        }
        return try image(weights.withUnsafeBytes { [UInt8]($0) })
    }

    /// An image of bytes that nothing compresses.
    private static func noise() throws -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return try image((0..<40_000).map { _ in UInt8.random(in: 0...255, using: &random) })
    }

    private static func image(_ bytes: [UInt8]) throws -> [UInt8] {
        var image = ImageDescription()
        _ = image.add(
            .init(name: "w", elementType: .float32, kind: .constant, shape: [bytes.count / 4], data: bytes))
        let x = image.add(.input("x", shape: [1, 4], at: 0))
        let y = image.add(.output("y", shape: [1, 4], at: 64))
        image.operations = [.init(.copy, inputs: [x], output: y, name: "copy")]
        (image.inputs, image.outputs, image.arenaBytes) = ([x], [y], 128)
        return try image.encoded()
    }

    private static let devices = [DeviceID(unchecked: "d1"), DeviceID(unchecked: "d2")]

    /// Two devices that run `old`, and a signed release of `new`.
    private func fleet(old: [UInt8], new: [UInt8]) async throws -> (TestFleet, ReleaseDetail) {
        let fleet = try await TestFleet()
        try await fleet.makeDevices(Self.devices.map(\.text))
        let first = try await fleet.approvedRelease(image: old)
        try await fleet.rollOut(first)
        for device in Self.devices { await fleet.ingest([try await fleet.committed(device, first)]) }
        return (fleet, try await fleet.approvedRelease(image: new))
    }

    private func desired(_ device: DeviceID) throws -> DesiredSlot {
        let document = try #require(broker.retained[.desired(device)])
        return try #require(Desired(decoding: document).slots.first)
    }

    @Test("what devices run is the base: the difference is made once, published, and named in desired documents")
    func made() async throws {
        let (old, new) = (try Self.image(seed: 1), try Self.image(seed: 1, step: 1e-5))
        let (fleet, release) = try await fleet(old: old, new: new)
        let wakes = Counter()
        let deltas = DeltaService(context: fleet.controller.context) { wakes.increment() }
        await deltas.round()
        await deltas.round()
        #expect(wakes.count == 1)
        let record = try #require(try await fleet.read { try DeltaRecord.fetchAll($0) }.first)
        let blob = try #require(record.blob)
        #expect(record.bytes < new.count * 6 / 10)

        try await fleet.rollOut(release)
        try await fleet.delivery(over: broker).round()
        let source = BlobSource(image: SHA256.hash(new), blob: blob, base: SHA256.hash(old))
        for device in Self.devices { #expect(try desired(device).sources == [source]) }
        #expect(try rebuilt(blob, base: old) == new)
        // The whole is there too, for whoever does not hold the base.
        #expect(broker.retained[.blobMap(SHA256.hash(new))] != nil)
    }

    /// Puts an image together from what the broker holds.
    private func rebuilt(_ blob: Digest, base: [UInt8]) throws -> [UInt8] {
        let encoded = try #require(broker.retained[.blobMap(blob)])
        let map = try BlobMap(decoding: encoded)
        #expect(map.codec == .deltaZstd)
        #expect(map.base == SHA256.hash(base))
        let bytes = map.chunks.indices.flatMap { broker.retained[map.topic(ofChunk: $0, in: blob)] ?? [] }
        var image: [UInt8] = []
        try bytes.withUnsafeBytes { bytes in
            try base.withUnsafeBytes { base in
                try BlobDecoding.applyDelta(bytes, to: base, imageBytes: map.imageBytes) { image += $0 }
            }
        }
        return image
    }

    @Test("devices that wait for an image are told of its difference when that comes later; others are left in peace")
    func late() async throws {
        let (old, new) = (try Self.image(seed: 1), try Self.image(seed: 1, step: 1e-5))
        let (fleet, release) = try await fleet(old: old, new: new)
        try await fleet.rollOut(release)
        let service = fleet.delivery(over: broker)
        try await service.round()
        #expect(try desired(Self.devices[0]).sources.isEmpty)
        await fleet.ingest([try await fleet.committed(Self.devices[0], release)])
        broker.forgetPublished()
        await DeltaService(context: fleet.controller.context) {}.round()
        try await service.round()
        #expect(try desired(Self.devices[1]).sources.count == 1)
        #expect(!broker.published.map(\.topic).contains(.desired(Self.devices[0])))
    }

    @Test("a difference is cleared from the broker once no device runs its base, and stays away")
    func cleared() async throws {
        let (old, new) = (try Self.image(seed: 1), try Self.image(seed: 1, step: 1e-5))
        let (fleet, release) = try await fleet(old: old, new: new)
        await DeltaService(context: fleet.controller.context) {}.round()
        try await fleet.rollOut(release)
        let service = fleet.delivery(over: broker)
        try await service.round()
        let blob = try #require(try await fleet.read { try DeltaRecord.fetchOne($0)?.blob })
        #expect(broker.retained[.blobMap(blob)] != nil)
        for device in Self.devices { await fleet.ingest([try await fleet.committed(device, release)]) }
        try await service.round()
        try await service.round()
        #expect(broker.retained[.blobMap(blob)] == nil)
        #expect(broker.retained[.chunk(blob, page: 0, index: 0)] == nil)
        #expect(broker.retained[.blobMap(SHA256.hash(new))] != nil)
    }

    // MARK: Failures

    @Test("a difference that cannot be delivered holds up neither the whole image nor another release")
    func undeliverable() async throws {
        let (old, new) = (try Self.image(seed: 1), try Self.image(seed: 1, step: 1e-5))
        let (fleet, release) = try await fleet(old: old, new: new)
        await DeltaService(context: fleet.controller.context) {}.round()
        try await fleet.rollOut(release)
        try await fleet.makeDevices(["d3"])
        let other = try await fleet.approvedRelease(image: try Self.noise())
        try await fleet.rollOut(other, to: try Selector("id=d3"))
        let blob = try #require(try await fleet.read { try DeltaRecord.fetchOne($0)?.blob })
        let whole = try fleet.damage(blob)
        let service = fleet.delivery(over: broker)
        try await service.round()
        #expect(broker.retained[.blobMap(SHA256.hash(new))] != nil)
        for release in [release, other] {
            #expect(broker.retained[.release(try #require(release.record.digest))] != nil)
        }
        for device in Self.devices { #expect(try desired(device).sources.isEmpty) }
        #expect(try desired(DeviceID("d3")).release == other.record.digest)
        #expect(!broker.retained.keys.contains { $0 == .blobMap(blob) || $0 == .chunk(blob, page: 0, index: 0) })
        let alert = try #require(try await fleet.openFailures().first)
        #expect(alert.severity == .warning)
        #expect(alert.action.contains("Devices pull the whole image instead"))

        try fleet.mend(whole)
        fleet.clock.advance(DeliveryLimits.failurePause)
        try await service.round()
        try await service.round()
        for device in Self.devices { #expect(try desired(device).sources.map(\.blob) == [blob]) }
        #expect(try await fleet.openFailures().isEmpty)
    }

    @Test("a difference that cannot be made keeps none of the others back, and is tried again later")
    func unmakable() async throws {
        let fleet = try await TestFleet()
        let steps: [Float] = [0, 1e-5]
        var images: [Digest] = []
        for (device, step) in zip(try await fleet.makeDevices(Self.devices.map(\.text)), steps) {
            let image = try Self.image(seed: 1, step: step)
            let release = try await fleet.approvedRelease(image: image)
            try await fleet.rollOut(release, to: try Selector("id=\(device)"))
            await fleet.ingest([try await fleet.committed(device, release)])
            images.append(SHA256.hash(image))
        }
        _ = try await fleet.approvedRelease(image: try Self.image(seed: 1, step: 2e-5))
        let bases = { try await fleet.read { try Set(DeltaRecord.fetchAll($0).map(\.base)) } }
        let whole = try fleet.lose(images[0])
        let deltas = DeltaService(context: fleet.controller.context) {}
        await deltas.round()
        #expect(try await bases() == [images[1]])
        try fleet.mend(whole)
        await deltas.round()
        #expect(try await bases() == [images[1]], "left alone for a while")
        fleet.clock.advance(DeliveryLimits.failurePause)
        await deltas.round()
        #expect(try await bases() == Set(images))
    }

    @Test(
        "a difference that saves less than a tenth, or between what are no images, is remembered and not kept",
        arguments: [true, false])
    func worthless(isImage: Bool) async throws {
        let old = isImage ? try Self.noise() : [UInt8]((0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
        let new = isImage ? try Self.noise() : [UInt8]((0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 11) })
        let (fleet, _) = try await fleet(old: old, new: new)
        await DeltaService(context: fleet.controller.context) {}.round()
        let (records, deliveries) = try await fleet.read { database in
            (
                try DeltaRecord.fetchAll(database),
                try DeliveryRecord.filter(Column("base") != nil).fetchCount(database)
            )
        }
        #expect(records.count == 1)
        #expect(records.first?.blob == nil)
        #expect(deliveries == 0)
        #expect(try await fleet.read(DeltaService.missing).isEmpty)
    }
}

@Suite("Requests for chunks")
struct FetchQueueTests {
    private static let blob = SHA256.hash([1])
    private static func device(_ number: Int) -> DeviceID { DeviceID(unchecked: "d\(number)") }
    private static func request(_ page: Int) -> Need { Need(blob: blob, missing: [page * 16..<page * 16 + 16]) }

    /// `#expect` cannot call what mutates.
    private func expect(_ expected: Bool, _ found: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(found == expected, sourceLocation: sourceLocation)
    }

    @Test("devices take turns, and each one's requests keep their order")
    func turns() {
        var queue = FetchQueue()
        for page in 0..<3 { expect(true, queue.add(Self.request(page), from: Self.device(1))) }
        expect(true, queue.add(Self.request(7), from: Self.device(2)))
        var order: [String] = []
        while let (device, request) = queue.next() { order.append("\(device) \(request.missing[0].lowerBound / 16)") }
        #expect(order == ["d1 0", "d2 7", "d1 1", "d1 2"])
        #expect(queue.isEmpty)
    }

    @Test("a request that already waits is not taken twice, and a device has room for a few")
    func bounded() {
        var queue = FetchQueue()
        for _ in 0..<3 { expect(true, queue.add(Self.request(0), from: Self.device(1))) }
        for page in 1..<DeliveryLimits.fetchesPerDevice {
            expect(true, queue.add(Self.request(page), from: Self.device(1)))
        }
        expect(false, queue.add(Self.request(99), from: Self.device(1)))
        var count = 0
        while queue.next() != nil { count += 1 }
        #expect(count == DeliveryLimits.fetchesPerDevice)
    }

    @Test("past the limit of devices requests are dropped; there is room again once some were answered")
    func full() {
        var queue = FetchQueue()
        for number in 0..<DeliveryLimits.fetchingDevices {
            expect(true, queue.add(Self.request(0), from: Self.device(number)))
        }
        expect(false, queue.add(Self.request(0), from: Self.device(-1)))
        let first = queue.next()
        #expect(first?.device == Self.device(0))
        expect(true, queue.add(Self.request(0), from: Self.device(-1)))
        var last: DeviceID?
        while let (device, _) = queue.next() { last = device }
        #expect(last == Self.device(-1))
    }
}

/// Counts calls from anywhere.
private final class Counter: Sendable {
    private let value = Mutex(0)
    var count: Int { value.withLock { $0 } }
    func increment() { value.withLock { $0 += 1 } }
}
