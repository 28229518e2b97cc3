import FleetModel
import Sketches

extension Report: WireMessage {
    public static let byteLimit = WireLimits.reportBytes

    private enum Key: UInt64, FieldKey {
        case boot = 1
        case sequence, slot, release, image, version, start, end, inferences, errors, uncertain, features, predictions
        case confidence, margin, latency, samplesOffered, samplesChosen, samplesDropped, reportsDropped
        static let message: StaticString = "report"
    }

    public var cbor: CBOR {
        .fields([
            Key.boot: .text(boot), .sequence: .unsigned(sequence), .slot: .name(slot), .release: .digest(release),
            .image: .digest(image), .version: .version(version), .start: .instant(start), .end: .instant(end),
            .inferences: .count(inferences), .errors: .count(errors), .uncertain: .count(uncertain),
            .features: .array(features.map(\.cbor)), .predictions: .counts(predictions),
            .confidence: confidence.cbor, .margin: margin.cbor, .latency: latency.cbor,
            .samplesOffered: .count(samplesOffered), .samplesChosen: .count(samplesChosen),
            .samplesDropped: .count(samplesDropped), .reportsDropped: .count(reportsDropped),
        ])
    }

    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            boot: try fields.text(.boot, limit: CheckedNameLimits.length), sequence: try fields.unsigned(.sequence),
            slot: try fields.name(.slot), release: try fields.digest(.release), image: try fields.digest(.image),
            version: try fields.version(.version), start: try fields.instant(.start), end: try fields.instant(.end),
            inferences: try fields.unsigned(.inferences), errors: try fields.unsigned(.errors),
            uncertain: try fields.unsigned(.uncertain),
            features: try fields.list(.features, limit: WireLimits.features, of: BinCounts.init(cbor:)),
            predictions: try fields.counts(.predictions, limit: WireLimits.classes),
            confidence: try fields.value(.confidence, Moments.init(cbor:)),
            margin: try fields.value(.margin, Moments.init(cbor:)),
            latency: try fields.value(.latency, LatencyHistogram.init(cbor:)),
            samplesOffered: try fields.unsigned(.samplesOffered), samplesChosen: try fields.unsigned(.samplesChosen),
            samplesDropped: try fields.unsigned(.samplesDropped), reportsDropped: try fields.unsigned(.reportsDropped))
    }
}

extension BinCounts {
    /// `[under, over, missing, [bins]]`.
    var cbor: CBOR { .array([.count(under), .count(over), .count(missing), .counts(bins)]) }

    init(cbor: CBOR) throws(WireError) {
        let items = try cbor.asTuple(4)
        self.init(
            bins: try items[3].asList(limit: WireLimits.bins) { item throws(WireError) in try item.asUnsigned() },
            under: try items[0].asUnsigned(), over: try items[1].asUnsigned(), missing: try items[2].asUnsigned())
    }
}

extension Moments {
    /// `[count, mean, squares, minimum, maximum]`.
    var cbor: CBOR {
        .array([.count(count), .float(mean), .float(squares), .float(minimum), .float(maximum)])
    }

    init(cbor: CBOR) throws(WireError) {
        let items = try cbor.asTuple(5)
        self.init(
            count: try items[0].asUnsigned(), mean: try items[1].asDouble(), squares: try items[2].asDouble(),
            minimum: try items[3].asDouble(), maximum: try items[4].asDouble())
        guard mean.isFinite, squares.isFinite, minimum.isFinite, maximum.isFinite, squares >= 0 else {
            throw WireError(.outOfRange, "moments that no values have")
        }
    }
}

extension LatencyHistogram {
    /// `[index, count, index, count, …]`, indices rising.
    var cbor: CBOR {
        .array(buckets.flatMap { [.unsigned(UInt64($0.index)), .count($0.count)] })
    }

    init(cbor: CBOR) throws(WireError) {
        let items = try cbor.asArray(limit: 2 * Self.bucketLimit)
        guard items.count.isMultiple(of: 2) else { throw WireError(.outOfRange, "a bucket without its count") }
        var buckets: [Bucket] = []
        for position in stride(from: 0, to: items.count, by: 2) {
            let index = UInt16(try items[position].asInteger(in: 0...Self.bucketLimit - 1))
            guard buckets.last.map({ $0.index < index }) ?? true else {
                throw WireError(.outOfRange, "buckets that do not rise")
            }
            buckets.append(Bucket(index: index, count: try items[position + 1].asUnsigned()))
        }
        self.init(buckets: buckets)
    }
}
