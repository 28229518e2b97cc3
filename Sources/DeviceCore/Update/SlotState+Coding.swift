import FleetModel
public import FleetWire

/// How a slot's state lies in the device's store: deterministic CBOR by the same means as the wire's messages, read with
/// the same bounds. A later version may add keys; it never gives a key another meaning.
extension SlotState: WireMessage {
    public static let byteLimit = WireLimits.controlBytes

    private enum Key: UInt64, FieldKey {
        case phase = 1
        case target, candidate, champion, previous, pending, failure, detail, attempts, retryAt, proof, starts, stores
        case accepted, committed, strikes, spent, crashes
        static let message: StaticString = "slot state"
    }

    public var cbor: CBOR {
        .fields([
            Key.phase: .text(phase.rawValue), .target: target?.cbor, .candidate: candidate?.cbor,
            .champion: champion?.cbor, .previous: previous?.cbor, .pending: pending?.cbor,
            .failure: failure.map { .text($0.rawValue) }, .detail: .text(detail), .attempts: .integer(attempts),
            .retryAt: retryAt.map(CBOR.instant), .proof: proof?.cbor, .starts: .integer(starts),
            .stores: .integer(stores),
            .accepted: .array(
                accepted.sorted { $0.key < $1.key }.map { model, accepted in
                    .array([.name(model), .count(accepted.counter), .digest(accepted.release)])
                }),
            .committed: .array(committed.map(CBOR.digest)),
            .strikes: .array(strikes.map(\.cbor)),
            .spent: spent.isEmpty ? nil : .array(spent.map(CBOR.digest)), .crashes: crashes?.cbor,
        ])
    }

    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init()
        phase = try fields.choice(.phase)
        target = try fields.optional(.target, InstallTarget.init(cbor:))
        candidate = try fields.optional(.candidate, HeldRelease.init(cbor:))
        champion = try fields.optional(.champion, HeldRelease.init(cbor:))
        previous = try fields.optional(.previous, HeldRelease.init(cbor:))
        pending = try fields.optional(.pending, InstallTarget.init(cbor:))
        failure = try fields.optional(.failure) { item throws(WireError) in try item.asChoice() }
        detail = try fields.text(.detail, limit: 4 * UpdateLimits.detailLength)
        attempts = try fields.integer(.attempts, in: 0...Int(Int32.max))
        retryAt = try fields.optional(.retryAt) { item throws(WireError) in try item.asInstant() }
        proof = try fields.optional(.proof, GoldenResult.init(cbor:))
        starts = try fields.integer(.starts, in: 0...Int(Int32.max))
        stores = try fields.integer(.stores, in: 0...Int(Int32.max))
        for item in try fields.list(.accepted, limit: WireLimits.listItems, of: Self.accepted(_:)) {
            accepted[item.0] = item.1
        }
        committed = try fields.digests(.committed, limit: UpdateLimits.committedKept)
        strikes = try fields.list(.strikes, limit: UpdateLimits.strikesKept, of: Strike.init(cbor:))
        crashes = try fields.optional(.crashes, CrashCount.init(cbor:))
        if fields.has(.spent) { spent = try fields.digests(.spent, limit: UpdateLimits.spentKept) }
    }

    private static func accepted(_ item: CBOR) throws(WireError) -> (ModelName, AcceptedCounter) {
        let parts = try item.asTuple(3)
        let counter = AcceptedCounter(counter: try parts[1].asUnsigned(), release: try parts[2].asDigest())
        return (try parts[0].asName(), counter)
    }
}

extension InstallTarget {
    private enum Key: UInt64, FieldKey {
        case release = 1
        case activation, deadline, sources
        static let message: StaticString = "target"
    }

    var cbor: CBOR {
        let sources = sources.sorted { $0.key < $1.key }
        return .fields([
            Key.release: .digest(release), .activation: activation.stored, .deadline: .instant(deadline),
            .sources: .array(sources.map { .array([.digest($0.key), .digest($0.value)]) }),
        ])
    }

    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            release: try fields.digest(.release),
            activation: try fields.value(.activation, ActivationCondition.init(stored:)),
            deadline: try fields.instant(.deadline))
        let pairs = try fields.list(.sources, limit: WireLimits.listItems) { item throws(WireError) in
            let parts = try item.asTuple(2)
            return (try parts[0].asDigest(), try parts[1].asDigest())
        }
        for (image, blob) in pairs { sources[image] = blob }
    }
}

extension ActivationCondition {
    /// `[0]`, `[1, start, end]` or `[2]`.
    fileprivate var stored: CBOR {
        switch self {
        case .now: .array([.integer(0)])
        case .window(let start, let end): .array([.integer(1), .integer(start), .integer(end)])
        case .lotBoundary: .array([.integer(2)])
        }
    }

    fileprivate init(stored: CBOR) throws(WireError) {
        let parts = try stored.asArray(limit: 3)
        let minutes = 0...24 * 60
        switch (try parts.first?.asInteger(in: 0...2), parts.count) {
        case (0, 1): self = .now
        case (1, 3):
            self = .window(
                startMinute: try parts[1].asInteger(in: minutes), endMinute: try parts[2].asInteger(in: minutes))
        case (2, 1): self = .lotBoundary
        default: throw WireError(.outOfRange, "an activation condition of \(parts.count) items")
        }
    }
}

extension HeldRelease {
    private enum Key: UInt64, FieldKey {
        case release = 1
        case image, imageBytes, arenaBytes, version, counter, mayReturnTo, tolerance, latencyLimit
        static let message: StaticString = "held release"
    }

    var cbor: CBOR {
        .fields([
            Key.release: .digest(release), .image: .digest(image.digest), .imageBytes: .integer(image.bytes),
            .arenaBytes: .integer(image.arenaBytes), .version: .version(version), .counter: .count(counter),
            .mayReturnTo: .array(mayReturnTo.map(CBOR.digest)), .tolerance: .float(Double(tolerance)),
            .latencyLimit: .integer(latencyLimit),
        ])
    }

    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        let sizes = 0...Int(WireLimits.integer)
        self.init(
            release: try fields.digest(.release),
            image: ImageReference(
                digest: try fields.digest(.image), bytes: try fields.integer(.imageBytes, in: sizes),
                arenaBytes: try fields.integer(.arenaBytes, in: sizes)),
            version: try fields.version(.version), counter: try fields.unsigned(.counter),
            mayReturnTo: try fields.digests(.mayReturnTo, limit: WireLimits.listItems),
            tolerance: try fields.float(.tolerance), latencyLimit: try fields.integer(.latencyLimit, in: sizes))
    }
}

extension Strike {
    /// `[release, count, until]`; earlier agents wrote no `until`.
    var cbor: CBOR { .array([.digest(release), .integer(count), .instant(until)]) }

    init(cbor: CBOR) throws(WireError) {
        let parts = try cbor.asArray(limit: 3)
        guard parts.count >= 2 else { throw WireError(.outOfRange, "a strike of \(parts.count) items") }
        self.init(
            release: try parts[0].asDigest(), count: try parts[1].asInteger(in: 0...Int(Int32.max)),
            until: parts.count == 3 ? try parts[2].asInstant() : .epoch)
    }
}

extension CrashCount {
    var cbor: CBOR { .array([.digest(release), .integer(count), .instant(at)]) }

    init(cbor: CBOR) throws(WireError) {
        let parts = try cbor.asTuple(3)
        self.init(
            release: try parts[0].asDigest(), count: try parts[1].asInteger(in: 0...Int(Int32.max)),
            at: try parts[2].asInstant())
    }
}

extension GoldenResult {
    var cbor: CBOR { .array([.float(Double(maximumError)), .integer(latency)]) }

    init(cbor: CBOR) throws(WireError) {
        let parts = try cbor.asTuple(2)
        self.init(
            maximumError: try parts[0].asFloat(), latency: try parts[1].asInteger(in: 0...Int(WireLimits.integer)))
    }
}
