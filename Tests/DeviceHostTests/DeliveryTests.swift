import DeviceCore
import DeviceHost
import FleetCrypto
import FleetModel
import FleetWire
import Foundation
import Synchronization
import Testing

@Suite("Delivery to a device", .serialized)
struct DeliveryTests {
    private let fleet: TestFleet
    private let one: TestRelease
    private let two: TestRelease

    init() throws {
        fleet = try TestFleet()
        one = try TestRelease(version: 1, gain: 1)
        two = try TestRelease(version: 2, gain: 2)
    }

    private func makeDevice(_ name: String, _ change: (inout DeviceLimits) -> Void = { _ in }) throws -> TestDevice {
        var limits = TestDevice.limits
        limits.mapTimeout = Interval(milliseconds: 200)
        change(&limits)
        return try TestDevice(name, controller: fleet.controller, broker: fleet.broker, limits: limits)
    }

    /// Publishes the second release's manifest and wants it, with sources.
    private func wantTwo(on device: TestDevice, sources: [BlobSource]) throws -> Digest {
        let message = try two.signed(by: fleet.controller.trust.people)
        let digest = SHA256.hash(message)
        fleet.controller.publish(.release(digest), message)
        fleet.controller.want(digest, on: device.id, generation: 2, sources: sources)
        return digest
    }

    private func source(_ delta: TestBlob, base: [UInt8]) -> BlobSource {
        BlobSource(image: SHA256.hash(two.image), blob: delta.name, base: SHA256.hash(base))
    }

    @Test("a device that holds the base installs from the difference alone")
    func delta() throws {
        let device = try makeDevice("d1")
        try device.start()
        _ = try fleet.install(one, on: device, generation: 1)
        let delta = try TestBlob(from: one.image, to: two.image)
        fleet.controller.publish(delta)
        let other = try TestBlob(from: two.image, to: two.image)
        // The full image is nowhere: only the difference can have led there.
        let digest = try wantTwo(
            on: device, sources: [source(other, base: [1, 2, 3]), source(delta, base: one.image)])
        eventually("it serves") { device.status?.release == digest }
        #expect(try device.infer([1, 0, 0, 0])?.get().image == SHA256.hash(two.image))
        device.stop()
    }

    /// What may be wrong with a difference.
    enum Fault: CaseIterable { case otherBase, notADelta, wrongResult, neverComes }

    @Test(
        "a difference that does not come, apply or verify is given up for the full image, with a reason",
        arguments: Fault.allCases)
    func brokenDelta(fault: Fault) throws {
        let device = try makeDevice("f1") { $0.manifestTimeout = Interval(milliseconds: 400) }
        try device.start()
        _ = try fleet.install(one, on: device, generation: 1)
        let good = try TestBlob(from: one.image, to: two.image)
        let bytes = Array(good.chunks.joined())
        let named = { (bytes: [UInt8], base: [UInt8]) in
            TestBlob(
                bytes, name: SHA256.hash(bytes), image: two.image, codec: .deltaZstd, base: SHA256.hash(base),
                chunkBytes: 128)
        }
        let blob: TestBlob
        switch fault {
        case .otherBase: blob = named(bytes, two.image)
        case .notADelta: blob = named(two.image + [0], one.image)
        case .wrongResult:
            let twin = try TestRelease(version: 3, gain: 3)
            blob = named(Array(try TestBlob(from: one.image, to: twin.image).chunks.joined()), one.image)
        case .neverComes: blob = good
        }
        if fault != .neverComes { fleet.controller.publish(blob) }
        fleet.controller.publish(try TestBlob(of: two.image))
        let digest = try wantTwo(on: device, sources: [source(blob, base: one.image)])
        eventually("it serves the full image", seconds: 20) { device.status?.release == digest }
        let notices = device.notices.withLock { $0 }
        #expect(notices.contains { $0.contains("the full image instead of blob \(blob.name.short)") })
        device.stop()
    }

    @Test("where the broker keeps no chunks, map and chunks are asked for and come on the device's own topics")
    func request() throws {
        let device = try makeDevice("r1")
        try device.start()
        _ = try fleet.install(one, on: device, generation: 1)
        fleet.controller.answer(try TestBlob(of: two.image, chunkBytes: 32))
        let digest = try wantTwo(on: device, sources: [])
        eventually("it serves") { device.status?.release == digest }
        let fetches = fleet.controller.seen.withLock { $0.fetches }
        #expect(fetches.first?.missing == [])
        // A page of two chunks at a time, each once.
        let pages = fetches.flatMap(\.missing)
        #expect(pages.allSatisfy { $0.count <= 2 })
        #expect(Set(pages).count == pages.count)
        device.stop()
    }

    @Test("a broker that forgets chunks for good is left for the controller")
    func forgetful() throws {
        let device = try makeDevice("b1") {
            $0.pull.timeout = Interval(milliseconds: 100)
            $0.pull.timeoutCap = Interval(milliseconds: 200)
        }
        try device.start()
        _ = try fleet.install(one, on: device, generation: 1)
        let blob = try TestBlob(of: two.image, chunkBytes: 64)
        fleet.controller.publish(blob, skippingChunks: [1, 5])
        fleet.controller.answer(blob)
        let digest = try wantTwo(on: device, sources: [])
        eventually("it serves") { device.status?.release == digest }
        let seen = fleet.controller.seen.withLock { $0 }
        #expect(seen.needs.contains { $0.missing == [1..<2] || $0.missing == [5..<6] })
        // What the broker gave was not asked for again.
        let asked = seen.fetches.flatMap(\.missing).flatMap { Array($0) }
        #expect(asked.contains(1))
        #expect(asked.contains(5))
        #expect(!asked.contains(0))
        #expect(!asked.contains(4))
        device.stop()
    }

    @Test("after a power cut only what the disk does not hold is fetched: bits alone prove nothing")
    func resume() throws {
        let device = try makeDevice("p1") {
            $0.pull.timeout = Interval(milliseconds: 100)
            $0.mapTimeout = Interval(milliseconds: 60_000)
        }
        try device.start()
        _ = try fleet.install(one, on: device, generation: 1)
        let blob = try TestBlob(of: two.image, chunkBytes: 32)
        let last = blob.chunks.count - 1
        // The bits of a page are written when it is whole: those of the last page never were.
        fleet.controller.publish(blob, skippingChunks: [last])
        let digest = try wantTwo(on: device, sources: [])
        eventually("the last chunk is asked for") {
            fleet.controller.seen.withLock { $0.needs.contains { $0.missing == [last..<last + 1] } }
        }
        device.drop()
        // What a disk may lose: the bytes of two chunks whose bits it kept.
        let file = device.folder.appending(path: "partial/\(blob.name.hex)")
        let handle = try FileHandle(forUpdating: file)
        try handle.seek(toOffset: 64)
        try handle.write(contentsOf: Data(repeating: 0, count: 64))
        try handle.close()
        fleet.controller.seen.withLock { $0.needs = [] }
        fleet.controller.unpublish(blob, chunks: Set(0..<last - last % 2).subtracting([2, 3]))
        fleet.controller.publish(blob, only: [2, 3, last])
        try device.start()
        eventually("it serves") { device.status?.release == digest }
        // The chunks that were taken from the broker were not missed.
        let missed = fleet.controller.seen.withLock { $0.needs + $0.fetches }.flatMap(\.missing).flatMap { Array($0) }
        #expect(missed.allSatisfy { [2, 3, last - 1, last].contains($0) }, "\(missed), last \(last)")
        device.stop()
    }

    @Test("without room on the disk nothing is fetched, and the reason is reported")
    func noSpace() throws {
        let device = try makeDevice("n1") { $0.diskReserve = 1 << 50 }
        try device.start()
        let digest = try fleet.controller.publish(one)
        fleet.controller.want(digest, on: device.id, generation: 1)
        eventually("refused for want of space") {
            fleet.controller.slot(device.id)?.detail.contains("bytes are needed on disk") == true
        }
        let partial = device.folder.appending(path: "partial/\(SHA256.hash(one.image).hex)")
        #expect(!FileManager.default.fileExists(atPath: partial.path()))
        device.stop()
    }
}
