import FleetCrypto
import FleetModel
import FleetWire

/// What a hostile controller or broker offers a device. None of it may ever run.
enum Attack: String, CaseIterable, Sendable {
    /// Signed by two keys that nobody trusts.
    case strangers
    /// Signed by one person of the two that it takes.
    case oneSignature
    /// Signed by both, but with the counter of a release that the device has accepted.
    case equalCounter
    /// Signed by both and past its date.
    case expired
    /// Signed by both for other hardware.
    case otherHardware
    /// Signed by both with thresholds of another version.
    case mixAndMatch

    /// One release for each attack, with an image of its own.
    static func all(
        people: [SigningKey], after releases: [String: FixtureRelease]
    ) throws -> [Attack: FixtureRelease] {
        var attacks: [Attack: FixtureRelease] = [:]
        for (index, attack) in allCases.enumerated() {
            attacks[attack] = try attack.make(
                number: index, people: people, accepted: releases["sound-1"]?.counter ?? 1)
        }
        return attacks
    }

    private func make(number: Int, people: [SigningKey], accepted: UInt64) throws -> FixtureRelease {
        let image = try TinyModel.image(gain: 10 + Float(number))
        let version = VersionID(model: TinyModel.name, number: 100 + number)
        var manifest = ReleaseManifest(
            name: ReleaseName(unchecked: "attack-\(rawValue)"), counter: UInt64(90 + number),
            created: Fixture.beginning, expires: Fixture.beginning.advanced(by: .minutes(90 * 24 * 60)),
            parts: [try TinyModel.part(image, version: version)])
        var keys = people
        switch self {
        case .strangers: keys = [try Fixture.key("stranger"), try Fixture.key("other stranger")]
        case .oneSignature: keys = [people[0]]
        case .equalCounter: manifest.counter = accepted
        case .expired: manifest.expires = Fixture.beginning.advanced(by: .minutes(-60))
        case .otherHardware: manifest.compatibility.hardware = ["a-toaster"]
        case .mixAndMatch: manifest.parts[0].thresholds.derivedFrom = VersionID(model: TinyModel.name, number: 1)
        }
        let payload = manifest.encoded()
        let signatures = try keys.map { key in
            COSESign.Signature(
                keyID: key.keyID,
                signature: try key.sign(COSESign.toBeSigned(payload: payload, context: .release, keyID: key.keyID)))
        }
        let message = COSESign(payload: payload, signatures: signatures).encoded()
        return FixtureRelease(
            name: manifest.name, message: message, manifest: manifest, image: image, isSound: false)
    }
}

extension FixtureRelease {
    /// What a broker retains of it: the manifest, the map and every chunk.
    func retainedMessages(chunks count: Int = Fixture.chunks) -> [(topic: Topic, payload: [UInt8])] {
        let digest = imageDigest
        let size = max(1, image.count / count)
        let chunks = stride(from: 0, to: image.count, by: size).map { Array(image[$0..<min($0 + size, image.count)]) }
        let map = BlobMap(
            bytes: image.count, chunkBytes: size, pageChunks: WireLimits.pageChunks, codec: .raw, image: digest,
            imageBytes: image.count, base: nil, chunks: ChunkDigests(chunks.map { SHA256.hash($0) }))
        let parts = chunks.enumerated().map { index, chunk in
            (Topic.chunk(digest, page: index / map.pageChunks, index: index % map.pageChunks), chunk)
        }
        return parts + [(.blobMap(digest), map.encoded()), (.release(self.digest), message)]
    }
}
