import FleetModel

extension Baseline {
    private enum Key: UInt64, FieldKey {
        case features = 1
        case predictions, minimumInferences
        static let message: StaticString = "baseline"
    }

    var cbor: CBOR {
        .fields([
            Key.features: .array(features.map(\.cbor)), .predictions: predictions.cbor,
            .minimumInferences: .integer(minimumInferences),
        ])
    }

    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            features: try fields.list(.features, limit: WireLimits.features, of: FeatureBaseline.init(cbor:)),
            predictions: try fields.value(.predictions, PredictionBaseline.init(cbor:)),
            minimumInferences: try fields.integer(.minimumInferences, in: 1...Int(WireLimits.integer)))
    }
}

extension FeatureBaseline {
    private enum Key: UInt64, FieldKey {
        case channel = 1
        case statistic, edges, counts, driftThreshold
        static let message: StaticString = "feature"
    }

    var cbor: CBOR {
        .fields([
            Key.channel: .integer(channel), .statistic: .text(statistic.rawValue), .edges: .floats(edges),
            .counts: .counts(counts), .driftThreshold: .float(driftThreshold),
        ])
    }

    /// Edges must not fall, and there is one more of them than there are bins.
    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            channel: try fields.integer(.channel, in: 0...WireLimits.channels - 1),
            statistic: try fields.choice(.statistic),
            edges: try fields.floats(.edges, limit: WireLimits.bins + 1),
            counts: try fields.counts(.counts, limit: WireLimits.bins),
            driftThreshold: try fields.threshold(.driftThreshold))
        guard !counts.isEmpty, edges.count == counts.count + 1, edges.allSatisfy(\.isFinite),
            zip(edges, edges.dropFirst()).allSatisfy({ $0 <= $1 })
        else { throw WireError(.outOfRange, "feature.edges: finite, not falling, one more than bins") }
    }
}

extension PredictionBaseline {
    private enum Key: UInt64, FieldKey {
        case counts = 1
        case driftThreshold
        static let message: StaticString = "predictions"
    }

    var cbor: CBOR { .fields([Key.counts: .counts(counts), .driftThreshold: .float(driftThreshold)]) }

    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            counts: try fields.counts(.counts, limit: WireLimits.classes),
            driftThreshold: try fields.threshold(.driftThreshold))
    }
}

extension Fields {
    /// A drift threshold: above 0; infinite for a metric that is shown without a verdict.
    fileprivate func threshold(_ key: Key) throws(WireError) -> Float {
        let threshold = try float(key)
        guard threshold > 0 else {
            throw WireError(.outOfRange, "\(Key.message).\(key): \(threshold) is not above 0")
        }
        return threshold
    }
}
