import DeviceHost
import FleetCrypto
import FleetModel
import FleetWire
import Foundation
import MQTTTransport
import Sketches
import Synchronization
import Testing

/// One broker, one loop, one controller for a test.
struct TestFleet {
    let broker: TestBroker
    let loop: MQTTLoop
    let controller: TestController

    init() throws {
        broker = try TestBroker()
        loop = try MQTTLoop()
        loop.start()
        controller = try TestController(broker: broker, loop: loop)
        try controller.publishRoles()
    }

    /// Installs a release and runs inferences until it is committed.
    func install(_ release: TestRelease, on device: TestDevice, generation: UInt64) throws -> Digest {
        let digest = try controller.publish(release)
        controller.want(digest, on: device.id, generation: generation)
        eventually("version \(release.version) serves") { device.status?.release == digest }
        for _ in 0..<5 { _ = device.infer([1, 2, 3, 4]) }
        eventually("version \(release.version) is committed") {
            controller.receipts(device.id).last?.version.number == release.version
        }
        return digest
    }
}

@Suite("A device on a real broker", .serialized)
struct DeviceHostTests {
    @Test("pulls, proves, activates, sends a receipt, reports and samples until all is acknowledged")
    func wholeWay() throws {
        let fleet = try TestFleet()
        let device = try TestDevice("s1R", controller: fleet.controller, broker: fleet.broker)
        try device.start()
        eventually("presence") { fleet.controller.seen.withLock { $0.presence[device.id]?.online == true } }
        let release = try TestRelease(version: 1, gain: 1)
        let digest = try fleet.install(release, on: device, generation: 1)

        let slot = try #require(fleet.controller.slot(device.id))
        #expect(slot.phase == .committed)
        #expect(slot.champion == digest)
        let message = try COSESign(decoding: try #require(slot.receipts.last))
        let key = TrustedKey(id: device.signingKey.keyID, publicKey: device.signingKey.publicKey, holder: "device")
        #expect(throws: Never.self) {
            try message.verify(threshold: 1, keys: [key], context: .receipt) { key, signature, message in
                (try? VerificationKey(raw: key))?.verify(signature: signature, message: message) ?? false
            }
        }
        #expect(try Receipt(decoding: message.payload).goldenError <= 1e-4)

        let inference = try #require(try device.infer([1, 2, 3, 4], tag: "lot-7")?.get())
        #expect(inference.className == "up")
        #expect(inference.release == digest)
        #expect(inference.version.number == 1)
        let expected = TestModel.scores([1, 2, 3, 4], gain: 1)
        #expect(zip(inference.scores, expected).allSatisfy { abs($0 - $1) < 1e-5 })

        for index in 0..<200 { _ = device.infer([Float(index % 5), 0, 1, -1], tag: "f\(index)") }
        eventually("reports of all inferences") {
            fleet.controller.seen.withLock { $0.reports.reduce(0) { $0 + $1.inferences } } >= 206
        }
        eventually("everything acknowledged") {
            device.onLoop { $0.spooled.reports == 0 && $0.spooled.samples == 0 } == true
        }
        let (reports, samples) = fleet.controller.seen.withLock { ($0.reports, $0.samples) }
        let keys = Set(reports.map { "\($0.boot)/\($0.sequence)" })
        #expect(reports.filter { keys.contains("\($0.boot)/\($0.sequence)") }.reduce(0) { $0 + $1.inferences } == 206)
        #expect(reports.reduce(0) { $0 + $1.samplesOffered } == 206)
        #expect(reports.reduce(0) { $0 + $1.samplesChosen } == UInt64(samples.count))
        #expect(samples.count > 50)
        #expect(samples.allSatisfy { $0.probability >= 0.5 && $0.values.count == 4 && $0.scores.count == 2 })
        #expect(reports.allSatisfy { $0.features.count == 2 && $0.features[0].total == 2 * $0.inferences })
        device.stop()
        eventually("offline") { fleet.controller.seen.withLock { $0.presence[device.id]?.online == false } }
    }
}
