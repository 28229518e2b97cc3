import FleetModel
import FleetWire
import Sketches

/// One message of every kind with every key present, for the tests here and the foreign readers of `Tests/peers`.
struct WireSample: Sendable {
    /// The rule of `docs/martlet.cddl`.
    var rule: String
    var encoded: [UInt8]
    /// The value in JSON, made without the encoder.
    var json: String
    /// Decodes and encodes again.
    var again: @Sendable ([UInt8]) throws -> [UInt8]
    /// Whether decoding gives the value that was encoded.
    var isEqual: @Sendable ([UInt8]) throws -> Bool

    init<Message: WireMessage & Equatable>(_ rule: String, _ message: Message) {
        self.rule = rule
        encoded = message.encoded()
        json = JSONTwin.text(message)
        again = { try Message(decoding: $0).encoded() }
        isEqual = { try Message(decoding: $0) == message }
    }

    /// Must not stop the program, whatever the bytes.
    func tryDecoding(_ bytes: [UInt8]) { _ = try? again(bytes) }
}

enum WireSamples {
    static func digest(_ seed: UInt8) -> Digest { Digest(hex: String(repeating: Hexadecimal.text([seed]), count: 32))! }

    static let release = digest(0xA1)
    static let image = digest(0xB2)
    static let version = VersionID(model: ModelName(unchecked: "shoulder"), number: 2)
    static let keyID = KeyID(unchecked: "00112233445566778899aabbccddeeff")

    static let all: [WireSample] = [
        WireSample("presence", presence), WireSample("desired", desired), WireSample("reported", reported),
        WireSample("receipt", receipt), WireSample("map", map), WireSample("map", delta), WireSample("map", sealed),
        WireSample("need", need),
        WireSample("renewal", renewal), WireSample("certificate", certificate),
        WireSample("refusal", refusal),
        WireSample("report", report), WireSample("sample", sample), WireSample("log", log),
        WireSample("ack", ack),
        WireSample("signedTime", SignedTime(now: Instant(milliseconds: 1_790_000_000_000))), WireSample("roles", roles),
        WireSample("rotation", rotation),
        WireSample("release", manifest), WireSample("release", imageManifest),
        WireSample("release", agentManifest),
    ]

    static let refusal = AccessRefusal(
        kind: .publish, identity: "s1R", clientID: "s1R", address: "10.0.0.7",
        topic: "martlet/v1/dev/s1L/up/presence", count: 12)

    static let presence = Presence(
        online: true, boot: "0123456789abcdef", session: 3,
        facts: DeviceFacts(
            hardware: "x86_64-generic", agentVersion: "1.0.0", runtimeVersion: "1.0.0", instructionSet: "avx2",
            capabilities: ["zstd"]),
        images: [image, digest(0xB1)])

    static let desired = Desired(
        generation: 12,
        slots: [
            DesiredSlot(
                slot: .main, release: release, activation: .window(startMinute: 1380, endMinute: 240),
                deadline: Instant(milliseconds: 1_790_000_360_000),
                sources: [
                    BlobSource(image: image, blob: digest(0xC4), base: digest(0xB1)),
                    BlobSource(image: image, blob: digest(0xC3)),
                ]),
            DesiredSlot(
                slot: SlotName(unchecked: "second"), release: release, activation: .now, deadline: .epoch, sources: []),
            DesiredSlot(
                slot: SlotName(unchecked: "third"), release: release, activation: .lotBoundary, deadline: .epoch,
                keys: [ImageKey(image: image, envelope: [UInt8](repeating: 0x77, count: 80))]),
        ],
        policy: DevicePolicy(
            reportInterval: .seconds(30),
            sampling: SamplingPolicy(enabled: false, floor: 0.02, slope: 0.2, bytesPerDay: 1 << 20, burstBytes: 65536)))

    static let reported = Reported(
        observedGeneration: 12,
        slots: [
            ReportedSlot(
                slot: .main, phase: .committed, target: release, progress: 1, failure: nil, detail: "",
                champion: release,
                previous: digest(0xA0), receipts: [[1, 2, 3]]),
            ReportedSlot(
                slot: SlotName(unchecked: "second"), phase: .failed, target: release, progress: 0.25,
                failure: .proofFailed, detail: "maximum error 0.5 above 0.001", champion: nil, previous: nil,
                receipts: []),
        ], trustRefusal: "trust/roles: badSignature: not signed by the pinned root")

    static let receipt = Receipt(
        slot: .main, release: release, image: image, version: version, counter: 7, goldenError: 0.000_001, latency: 84,
        instructionSet: "avx2", runtimeVersion: "1.0.0", committedAt: Instant(milliseconds: 1_790_000_000_123))

    static let map = BlobMap(
        bytes: 65537, chunkBytes: 65536, pageChunks: 16, codec: .zstd, image: image, imageBytes: 99_000, base: nil,
        chunks: [digest(1), digest(2)])
    static let delta = BlobMap(
        bytes: 100, chunkBytes: 65536, pageChunks: 16, codec: .deltaZstd, image: image, imageBytes: 99_000,
        base: digest(0xB1), chunks: [digest(3)])
    static let sealed = BlobMap(
        bytes: 116, chunkBytes: 65536, pageChunks: 16, codec: .raw, image: image, imageBytes: 100, base: nil,
        chunks: [digest(4)], seal: [UInt8](repeating: 0x33, count: 16))
    static let renewal = RenewalRequest(
        certificateRequest: "-----BEGIN CERTIFICATE REQUEST-----\n", signature: [UInt8](repeating: 0x5A, count: 64))
    static let certificate = RenewedCertificate(certificate: "-----BEGIN CERTIFICATE-----\n")
    static let need = Need(blob: image, missing: [0..<3, 7..<8])

    static let report = Report(
        boot: "0123456789abcdef", sequence: 41, slot: .main, release: release, image: image, version: version,
        start: Instant(milliseconds: 1_790_000_000_000), end: Instant(milliseconds: 1_790_000_300_000), inferences: 120,
        errors: 1, uncertain: 4,
        features: [BinCounts(bins: [10, 20, 30], under: 1, over: 2, missing: 3), BinCounts(bins: [66])],
        predictions: [100, 0, 20],
        confidence: Moments(count: 120, mean: 0.75, squares: 1.1, minimum: 0.25, maximum: 1),
        margin: Moments(count: 120, mean: 0.5, squares: 2, minimum: 0, maximum: 1),
        latency: LatencyHistogram(buckets: [.init(index: 60, count: 100), .init(index: 71, count: 20)]),
        samplesOffered: 120, samplesChosen: 9, samplesDropped: 2, reportsDropped: 0)

    static let sample = SampleMessage(
        boot: "0123456789abcdef", sequence: 5, part: 0, partCount: 1, slot: .main, release: release, version: version,
        captured: Instant(milliseconds: 1_790_000_000_500), tag: "lot-17", probability: 0.125,
        scores: [0.5, 0.25, 0.25],
        values: [1.5, -2, 0.1, .infinity])

    static let log = DeviceLog(
        boot: "0123456789abcdef", sequence: 2, dropped: 12,
        lines: [
            LogLine(
                time: Instant(milliseconds: 1_790_000_000_000), severity: .notice, saying: "disconnected: cut, 12 °C"),
            LogLine(
                time: Instant(milliseconds: 1_790_000_000_700), severity: .problem, count: 3,
                saying: "cannot reach the broker: no route to host"),
        ])

    static let ack = Ack(
        boot: "0123456789abcdef",
        streams: [
            StreamAck(stream: .report, highest: 41, holes: [3..<5, 9..<10]),
            StreamAck(stream: .sample, highest: 0, holes: []),
            StreamAck(stream: .log, highest: 2, holes: [1..<2]),
        ])

    static let roles = TrustRoles(
        number: 2, expires: Instant(milliseconds: 1_900_000_000_000),
        releaseKeys: [
            TrustedKey(id: keyID, publicKey: [UInt8](repeating: 7, count: 32), holder: "operations"),
            TrustedKey(
                id: KeyID(unchecked: "ffeeddccbbaa99887766554433221100"), publicKey: [UInt8](repeating: 9, count: 32),
                holder: "lead"),
        ], threshold: 2, rotations: [[1, 2, 3]], timeKeys: [rotation.key],
        delegations: [
            Delegation(
                key: rotation.key, models: [version.model], group: "side=L", canaryShare: 0.25,
                expires: Instant(milliseconds: 1_800_000_000_000))
        ])

    static let rotation = RootRotation(
        number: 2,
        key: TrustedKey(
            id: KeyID(unchecked: "0102030405060708090a0b0c0d0e0f10"), publicKey: [UInt8](repeating: 5, count: 32),
            holder: "root"))

    static let manifest = ReleaseManifest(
        name: ReleaseName(unchecked: "shoulder-2"), counter: 7, created: Instant(milliseconds: 1_790_000_000_000),
        expires: Instant(milliseconds: 1_820_000_000_000), parts: [part],
        dependencies: [
            Dependency(version: version, requires: VersionID(model: ModelName(unchecked: "base"), number: 1))
        ],
        mayReturnTo: [digest(0xA0)], compatibility: Compatibility(runtime: "1.0.0", hardware: ["x86_64-generic"]),
        scope: ["side=L"])

    static let part = ReleasePart(
        slot: .main, version: version, image: ImageReference(digest: image, bytes: 99_000, arenaBytes: 4096),
        input: FrameDescription(
            kind: .timeseries, steps: 2, width: 2,
            channels: [Channel(name: "ax", unit: "g"), Channel(name: "wx", unit: "rad/s")]),
        classes: ["PEN", "ABD", "FEL"], normalisation: Normalisation(offset: [0.1, 0.2], scale: [1, 2]),
        thresholds: Thresholds(derivedFrom: version, promisedAccuracy: 0.75, minimumConfidence: 0.4),
        baseline: Baseline(
            features: [
                FeatureBaseline(
                    channel: 0, statistic: .reading, edges: [-1, 0, 0.5, 2], counts: [10, 20, 30], driftThreshold: 1.9)
            ], predictions: PredictionBaseline(counts: [5, 6, 7], driftThreshold: .infinity)),
        golden: GoldenProof(
            inputs: [[1, 2, 3, 4]], outputs: [[0.2, 0.3, 0.5]], tolerance: 0.001, latencyLimit: 100_000))

    static let agentManifest = ReleaseManifest(
        name: ReleaseName(unchecked: "martlet-agent-3"), counter: 9, created: Instant(milliseconds: 1_790_000_000_000),
        expires: Instant(milliseconds: 1_820_000_000_000),
        parts: [
            .agent(
                VersionID(model: .agent, number: 3), name: "1.4.0",
                program: ImageReference(digest: image, bytes: 7_700_000, arenaBytes: 0))
        ], compatibility: Compatibility(runtime: "1.0.0", hardware: ["x86_64-generic"]))

    static let imageManifest = ReleaseManifest(
        name: ReleaseName(unchecked: "digits-1"), counter: 1, created: .epoch, expires: .epoch,
        parts: [
            ReleasePart(
                slot: .main, version: version, image: ImageReference(digest: image, bytes: 1, arenaBytes: 0),
                input: FrameDescription(kind: .image, steps: 8, width: 8, channels: [Channel(name: "pixel", unit: "")]),
                classes: ["0", "1"], normalisation: Normalisation(offset: [0], scale: [16]),
                thresholds: Thresholds(derivedFrom: version, promisedAccuracy: 1, minimumConfidence: 0),
                baseline: Baseline(
                    features: [], predictions: PredictionBaseline(counts: [1, 1], driftThreshold: 1)),
                golden: GoldenProof(inputs: [], outputs: [], tolerance: 0, latencyLimit: 0))
        ])
}
