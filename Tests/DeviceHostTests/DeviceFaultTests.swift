import DeviceHost
import FleetCrypto
import FleetModel
import FleetWire
import Foundation
import Synchronization
import Testing

@Suite("A device when things go wrong", .serialized)
struct DeviceFaultTests {
    @Test("after a power cut the champion serves from disk, without a broker, and counts go on under a new boot")
    func restart() throws {
        let fleet = try TestFleet()
        let device = try TestDevice("r1", controller: fleet.controller, broker: fleet.broker)
        try device.start()
        let digest = try fleet.install(try TestRelease(version: 1, gain: 1), on: device, generation: 1)
        fleet.controller.acknowledges.withLock { $0 = false }
        for _ in 0..<40 { _ = device.infer([1, 2, 3, 4]) }
        eventually("samples are spooled") { (device.onLoop { $0.spooled.samples } ?? 0) > 10 }
        let boot = device.host?.boot
        fleet.broker.stop()
        device.drop()
        try device.start()
        eventually("the champion serves") { device.status?.release == digest }
        #expect(device.host?.boot != boot)
        #expect((device.onLoop { $0.spooled.samples } ?? 0) > 10)
        #expect(throws: Never.self) { try device.infer([1, 2, 3, 4])?.get() }
        fleet.controller.acknowledges.withLock { $0 = true }
        try fleet.broker.start()
        eventually("everything is delivered in the end", seconds: 30) {
            device.onLoop { $0.spooled.samples == 0 && $0.spooled.reports == 0 } == true
        }
        let boots = fleet.controller.seen.withLock { Set($0.samples.map(\.boot)) }
        #expect(boots.contains(boot ?? ""))
        device.stop()
    }

    @Test("blobs in small chunks, raw and zstd, are pulled page by page", arguments: [BlobCodec.raw, .zstd])
    func codecs(codec: BlobCodec) throws {
        let fleet = try TestFleet()
        let device = try TestDevice("c1", controller: fleet.controller, broker: fleet.broker)
        try device.start()
        let release = try TestRelease(version: 1, gain: 1)
        let digest = try fleet.controller.publish(release, codec: codec, chunkBytes: 16)
        fleet.controller.want(digest, on: device.id, generation: 1)
        eventually("it serves") { device.status?.release == digest }
        device.stop()
    }

    @Test("a damaged or missing chunk is asked for, and its re-seeding repairs the pull", arguments: [true, false])
    func repair(isDamaged: Bool) throws {
        let fleet = try TestFleet()
        let device = try TestDevice("d1", controller: fleet.controller, broker: fleet.broker)
        try device.start()
        let release = try TestRelease(version: 1, gain: 1)
        let digest = try fleet.controller.publish(
            release, skippingChunks: isDamaged ? [] : [2], damaging: isDamaged ? 2 : nil)
        fleet.controller.want(digest, on: device.id, generation: 1)
        eventually("the device asks") {
            fleet.controller.seen.withLock { $0.needs.contains { $0.missing == [2..<3] } }
        }
        #expect(device.status?.phase == .fetching)
        fleet.controller.publish(try TestBlob(of: release.image))
        eventually("it serves") { device.status?.release == digest }
        device.stop()
    }

    @Test("a release whose golden outputs do not come out fails its proof")
    func wrongProof() throws {
        let fleet = try TestFleet()
        let device = try TestDevice("p1", controller: fleet.controller, broker: fleet.broker)
        try device.start()
        let digest = try fleet.controller.publish(try TestRelease(version: 1, gain: 1, goldenShift: 0.01))
        fleet.controller.want(digest, on: device.id, generation: 1)
        eventually("refused") { fleet.controller.slot(device.id)?.failure == .proofFailed }
        #expect(device.status?.release == nil)
        #expect(fleet.controller.receipts(device.id).isEmpty)
        device.stop()
    }

    @Test("an update replaces the champion whole, and the controller may go back to what the manifest names")
    func update() throws {
        let fleet = try TestFleet()
        let device = try TestDevice("v1", controller: fleet.controller, broker: fleet.broker)
        try device.start()
        let one = try TestRelease(version: 1, gain: 1)
        let first = try fleet.install(one, on: device, generation: 1)
        var two = try TestRelease(version: 2, gain: 2)
        two.manifest.mayReturnTo = [first]
        let second = try fleet.install(two, on: device, generation: 2)
        let inference = try #require(try device.infer([1, 0, 0, 0])?.get())
        #expect(inference.release == second)
        #expect(inference.image == two.manifest.parts[0].image.digest)
        fleet.controller.want(first, on: device.id, generation: 3)
        eventually("the permitted return") { device.status?.release == first }
        device.stop()
    }

    @Test("a device that is held out by policy sends no samples, also after a restart")
    func heldOut() throws {
        let fleet = try TestFleet()
        let device = try TestDevice("h1", controller: fleet.controller, broker: fleet.broker)
        try device.start()
        let digest = try fleet.controller.publish(try TestRelease(version: 1, gain: 1))
        let policy = DevicePolicy(
            reportInterval: Interval(milliseconds: 100), sampling: SamplingPolicy(enabled: false, floor: 1))
        fleet.controller.want(digest, on: device.id, generation: 1, policy: policy)
        eventually("it serves") { device.status?.release == digest }
        for _ in 0..<50 { _ = device.infer([1, 2, 3, 4]) }
        eventually("reports") { fleet.controller.seen.withLock { $0.reports.reduce(0) { $0 + $1.inferences } } >= 50 }
        device.drop()
        fleet.broker.stop()
        try device.start()
        eventually("it serves again") { device.status?.release == digest }
        for _ in 0..<50 { _ = device.infer([1, 2, 3, 4]) }
        usleep(200_000)
        #expect(device.onLoop { $0.spooled.samples } == 0)
        #expect(fleet.controller.seen.withLock { $0.samples.isEmpty })
        device.stop()
    }

    @Test("twenty devices on one loop install and answer")
    func twenty() throws {
        let fleet = try TestFleet()
        let devices = try (0..<20).map {
            try TestDevice("n\($0)", controller: fleet.controller, broker: fleet.broker)
        }
        for device in devices { try device.start() }
        let digest = try fleet.controller.publish(try TestRelease(version: 1, gain: 1))
        for device in devices { fleet.controller.want(digest, on: device.id, generation: 1) }
        eventually("all serve", seconds: 30) { devices.allSatisfy { $0.status?.release == digest } }
        for device in devices { for _ in 0..<5 { _ = device.infer([1, 2, 3, 4]) } }
        eventually("all sent receipts", seconds: 30) {
            devices.allSatisfy { fleet.controller.receipts($0.id).last?.release == digest }
        }
        for device in devices { device.stop() }
    }
}
