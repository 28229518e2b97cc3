import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Testing

@testable import DeviceHost
@testable import FleetController
@testable import VirtualFleet

/// Sealed models on a real broker: who can read an image, and who cannot.
@Suite(.serialized) struct SealedModelTests {
    @Test("a sealed model's image is nowhere at the broker, and the devices of its group run it")
    func sealed() async throws {
        try await TrustSite.run { site in
            try await site.install(try site.roles(1))
            let left = try await site.device("left", tags: ["side": "L"])
            let right = try await site.device("right", tags: ["side": "R"])
            for device in [left, right] { try device.start() }
            // The first image goes out in the clear; then the model is sealed.
            let plain = try await site.release("plain", gain: 1)
            _ = try await site.rollOut(plain)
            let first = try #require(try await site.controller.releases.get(plain).record.digest)
            try await TrustSite.eventually("both run the plain release") {
                let (a, b) = (try await left.status?.release, try await right.status?.release)
                return a == first && b == first
            }
            _ = try await site.controller.models.seal(TinyModel.name, by: TrustSite.admin)
            let secret = try await site.release("secret", gain: 7, scope: ["side=L"])
            _ = try await site.rollOut(secret, to: "side=L")
            let second = try #require(try await site.controller.releases.get(secret).record.digest)
            try await TrustSite.eventually("the group runs the sealed release") {
                try await left.status?.release == second
            }
            #expect(try await right.status?.release == first)

            let image = try TinyModel.image(gain: 7)
            let digest = SHA256.hash(image)
            let deliveries = try await site.controller.store.database.read { try DeliveryRecord.fetchAll($0) }
            let ours = deliveries.filter { $0.image == digest }
            #expect(!ours.isEmpty)
            for delivery in ours {
                #expect(try BlobMap(decoding: [UInt8](delivery.map)).seal != nil)
                #expect(SHA256.hash(try site.controller.blobs.read(delivery.file)) != digest)
            }
            // The key is in the document of the one device, and opens with no other device's key.
            let desired = try await site.desired(of: left.id)
            let envelope = try #require(desired.slots.first?.keys.first)
            #expect(envelope.image == digest)
            #expect(throws: CryptoError.self) {
                try KeyEnvelope.open(envelope.envelope, with: SigningKey(pemFile: site.signingKeyPath(of: right.id)))
            }
            #expect(try await site.desired(of: right.id).slots.allSatisfy { $0.keys.isEmpty })
            for device in [left, right] { await device.stop() }
        }
    }

    @Test("without the key, or with another's, an image is given up with the reason, and what runs goes on")
    func withoutKey() async throws {
        try await TrustSite.run { site in
            try await site.install(try site.roles(1))
            let device = try await site.device("press")
            try device.start()
            let plain = try await site.release("plain", gain: 1)
            _ = try await site.rollOut(plain)
            let first = try #require(try await site.controller.releases.get(plain).record.digest)
            try await TrustSite.eventually("the plain release") { try await device.status?.release == first }
            _ = try await site.controller.models.seal(TinyModel.name, by: TrustSite.admin)
            let secret = try await site.release("secret", gain: 7)
            // The device's key in the controller's books is another one: the envelope is not for it.
            let other = Data(try SigningKey.generate().publicKey)
            try await site.controller.store.database.write { database in
                try database.execute(sql: "UPDATE device SET signingKey = ?", arguments: [other])
            }
            _ = try await site.rollOut(secret)
            try await TrustSite.eventually("the image cannot be opened") {
                try await device.status?.detail.contains("cannot be opened") == true
            }
            #expect(try await device.status?.release == first)
            await device.stop()
        }
    }
}

extension TrustSite {
    fileprivate func desired(of device: DeviceID) async throws -> Desired {
        let record = try await controller.store.database.read { try DeviceRecord.fetchOne($0, key: device) }
        return try Desired(decoding: [UInt8](try #require(record?.desired)))
    }

    fileprivate func signingKeyPath(of device: DeviceID) -> String {
        folder.appending(path: "devices/\(device.text)/signing.pem").path()
    }
}
