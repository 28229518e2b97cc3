import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Sketches

/// Fills the tables.
struct DemoSeed: Sendable {
    static let model = ModelName(unchecked: "shoulder")
    static let classes = ["PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW"]
    static let channels = [
        Channel(name: "ax", unit: "g"), Channel(name: "ay", unit: "g"), Channel(name: "az", unit: "g"),
        Channel(name: "wx", unit: "rad/s"), Channel(name: "wy", unit: "rad/s"), Channel(name: "wz", unit: "rad/s"),
    ]
    static let input = FrameDescription(kind: .timeseries, steps: 50, width: 6, channels: channels)
    static let retrainPolicy =
        #"{"model":"shoulder","triggers":{"drift":{"devices":3},"annotations":{"count":100}},"require":"all"}"#

    let now: Instant
    let keys: [String: SigningKey]

    /// Milliseconds ago.
    func ago(minutes: Double) -> Instant { Instant(milliseconds: now.milliseconds - Int64(minutes * 60_000)) }

    /// Everything; the running rollout's id comes back.
    func fill(_ database: Database) throws -> Int64 {
        try trust(database)
        try datasets(database)
        let releases = try models(database)
        try devices(database, releases)
        let rollout = try rollouts(database, releases)
        try telemetry(database, releases)
        try samples(database, releases)
        try monitoring(database, releases)
        return rollout
    }

    private func trust(_ database: Database) throws {
        for (holder, key) in keys.sorted(by: { $0.key < $1.key }) {
            try TrustedKeyRecord(
                id: key.keyID, publicKey: Data(key.publicKey), holder: holder, use: .release,
                createdAt: ago(minutes: 20_000)
            ).insert(database)
        }
        let root = try SigningKey.generate()
        try TrustedKeyRecord(
            id: root.keyID, publicKey: Data(root.publicKey), holder: "root", use: .root, createdAt: ago(minutes: 20_000)
        ).insert(database)
        let roles = TrustRoles(
            number: 1, expires: ago(minutes: -500_000),
            releaseKeys: keys.sorted { $0.key < $1.key }.map {
                TrustedKey(id: $1.keyID, publicKey: $1.publicKey, holder: $0)
            }, threshold: 2)
        var message = COSESign(payload: roles.encoded())
        try message.sign(.roles, keyID: root.keyID, using: root.sign)
        try TrustDocumentRecord(
            number: 1, message: Data(message.encoded()), threshold: 2, expiresAt: roles.expires,
            createdAt: ago(minutes: 20_000)
        ).insert(database)
    }

    private func datasets(_ database: Database) throws {
        try DatasetRecord(
            name: "watch", description: "Shoulder exercises with a smart watch", input: Self.input,
            classes: Self.classes,
            createdAt: ago(minutes: 9000), createdBy: "ops"
        ).insert(database)
        for (number, items, annotated) in [(1, 1510, 0), (2, 1798, 288)] {
            try DatasetVersionRecord(
                dataset: "watch", number: number, digest: Self.digest("watch\(number)"), selector: .all,
                includeAnnotations: number > 1, itemCount: items, annotationCount: annotated,
                createdAt: ago(minutes: Double(9000 - 3000 * number)), createdBy: "ops"
            ).insert(database)
        }
        for (index, state) in [TrainingState.succeeded, .succeeded, .running].enumerated() {
            var run = TrainingRunRecord(
                model: Self.model, dataset: "watch", datasetVersion: min(index + 1, 2), trainer: "builtin",
                state: state,
                progress: state == .running ? 0.42 : 1,
                metrics: index < 2 ? #"{"accuracy":0.9\#(index + 1),"promisedAccuracy":0.7\#(index + 5)}"# : "{}",
                reason: index == 0 ? "" : "drift on 10 devices of side=L and 100 new annotations",
                policy: index == 0 ? nil : "retrain-left", number: index < 2 ? index + 1 : nil,
                createdAt: ago(minutes: Double(2900 - 1000 * index)), createdBy: index == 0 ? "ops" : "martlet",
                startedAt: ago(minutes: Double(2899 - 1000 * index)))
            try run.insert(database)
        }
    }

    /// Three versions and releases: retired champion of yesterday, today's, and a candidate that awaits signatures.
    private func models(_ database: Database) throws -> [Digest] {
        try ModelRecord(
            name: Self.model, description: "Which shoulder exercise a watch sees", createdAt: ago(minutes: 9000)
        ).insert(database)
        var digests: [Digest] = []
        for number in 1...3 {
            let onnx = Self.digest("onnx\(number)")
            let image = Self.digest("image\(number)")
            for (digest, kind) in [(onnx, BlobKind.onnx), (image, .image)] {
                try BlobRecord(digest: digest, bytes: 184_320, kind: kind, createdAt: ago(minutes: 2500)).insert(
                    database)
            }
            try VersionRecord(
                model: Self.model, number: number, onnx: onnx, dataset: "watch", datasetVersion: min(number, 2),
                trainingRun: Int64(number), trainer: "builtin",
                parameters: #"{"architecture":"convolution","epochs":40,"learningRate":0.002}"#,
                metrics: #"{"accuracy":0.9\#(number + 3),"promisedAccuracy":0.7\#(number + 4),"epochs":31}"#,
                input: Self.input, classes: Self.classes, createdAt: ago(minutes: Double(3500 - 1000 * number)),
                createdBy: "martlet"
            ).insert(database)
            try ImageRecord(
                digest: image, model: Self.model, number: number, bytes: 182_272, arenaBytes: 24_576,
                compiler: "martlet 1.0", createdAt: ago(minutes: Double(3499 - 1000 * number))
            ).insert(database)
            digests.append(try release(database, number, image))
        }
        return digests
    }

    private func release(_ database: Database, _ number: Int, _ image: Digest) throws -> Digest {
        let name = ReleaseName(unchecked: "shoulder-\(number)")
        let version = VersionID(model: Self.model, number: number)
        let digest = Self.digest("release\(number)")
        let isApproved = number < 3
        let made = ago(minutes: Double(3400 - 1000 * number))
        let manifest = manifest(name, version, image, number)
        try ReleaseRecord(
            name: name, counter: Int64(number), stage: isApproved ? .released : .candidate,
            manifest: Data(manifest.encoded()), digest: isApproved ? digest : nil,
            note: number == 3 ? "Retrained with annotated left arms" : "", createdAt: made, createdBy: "ops",
            expiresAt: ago(minutes: -129_600), approvedAt: isApproved ? made : nil
        ).insert(database)
        try ReleasePartRecord(
            release: name, slot: .main, model: Self.model, number: number, image: image, thresholdsModel: Self.model,
            thresholdsNumber: number
        ).insert(database)
        try ReleaseDatasetRecord(release: name, dataset: "watch", number: min(number, 2)).insert(database)
        for (index, holder) in ["ops", "lead"].enumerated() where isApproved || index == 0 {
            guard let key = keys[holder] else { continue }
            try ReleaseSignatureRecord(
                release: name, key: key.keyID, identity: holder,
                signature: Data(
                    try key.sign(
                        COSESign.toBeSigned(
                            payload: manifest.encoded(), context: .release, keyID: key.keyID))), createdAt: made
            ).insert(database)
        }
        return digest
    }

    private func manifest(
        _ name: ReleaseName, _ version: VersionID, _ image: Digest, _ number: Int
    ) -> ReleaseManifest {
        let features = Self.channels.indices.map { channel in
            FeatureBaseline(
                channel: channel, statistic: .reading, edges: (0...10).map { Float($0) / 5 - 1 },
                counts: (0..<10).map { UInt64(4000 + 311 * $0) },
                driftThreshold: [1.9, 0.6, 0.9, 0.45, 0.4, 0.5][channel])
        }
        let baseline = Baseline(
            features: features,
            predictions: PredictionBaseline(counts: Self.classes.map { _ in 215 }, driftThreshold: 2.1))
        return ReleaseManifest(
            name: name, counter: UInt64(number), created: ago(minutes: 2400), expires: ago(minutes: -129_600),
            parts: [
                ReleasePart(
                    slot: .main, version: version,
                    image: ImageReference(digest: image, bytes: 182_272, arenaBytes: 24_576),
                    input: Self.input, classes: Self.classes,
                    normalisation: Normalisation(
                        offset: [Float](repeating: 0, count: 6), scale: [Float](repeating: 1, count: 6)),
                    thresholds: Thresholds(derivedFrom: version, promisedAccuracy: 0.75, minimumConfidence: 0.5),
                    baseline: baseline,
                    golden: GoldenProof(
                        inputs: [[Float](repeating: 0.1, count: 300)], outputs: [[Float](repeating: 1 / 7, count: 7)],
                        tolerance: 0.0001, latencyLimit: 5000))
            ])
    }

    static func digest(_ text: String) -> Digest { SHA256.hash(Array(text.utf8)) }
}
