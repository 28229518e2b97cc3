import FleetModel
import FleetWire
import Sketches

/// Reports of one release merged: counts add up exactly, whatever the devices and intervals were.
struct DriftWindow: Sendable {
    /// Reports after which a window that can be judged reaches back no further.
    static let reports = 64
    /// The most reports that a window is made of. A report counts at least one inference, so only a release that wants
    /// more inferences than this for a verdict could miss it.
    static let mostReports = 10_000
    /// A window reaches back until it holds this many times the inferences that a verdict needs: enough to be calm,
    /// few enough to see a change soon (thresholds were derived on windows of the verdict's own minimum).
    static let span = 2

    private(set) var features: [BinCounts]
    private(set) var predictions: [UInt64]
    private(set) var inferences: UInt64 = 0
    private(set) var reports = 0
    let baseline: Baseline

    init(baseline: Baseline) {
        self.baseline = baseline
        features = baseline.features.map { BinCounts(bins: Array(repeating: 0, count: $0.counts.count)) }
        predictions = Array(repeating: 0, count: baseline.predictions.counts.count)
    }

    /// It reaches back far enough: over `span` times the inferences of a verdict, or over `reports` reports if these
    /// are enough for one. A device that infers seldom is judged on a longer time, not never.
    var isFull: Bool {
        let minimum = UInt64(max(baseline.minimumInferences, 1))
        if inferences >= UInt64(Self.span) * minimum { return true }
        return reports >= Self.mostReports || (reports >= Self.reports && inferences >= minimum)
    }

    /// Adds a report that fits the baseline; another one changes nothing.
    mutating func merge(_ report: Report) throws(SketchError) {
        guard report.features.count == features.count, report.predictions.count == predictions.count else { return }
        for index in features.indices { try features[index].merge(report.features[index]) }
        for index in predictions.indices { predictions[index] &+= report.predictions[index] }
        inferences &+= report.inferences
        reports += 1
    }

    /// Adds another window of the same baseline.
    mutating func merge(_ other: DriftWindow) throws(SketchError) {
        guard other.features.count == features.count, other.predictions.count == predictions.count else { return }
        for index in features.indices { try features[index].merge(other.features[index]) }
        for index in predictions.indices { predictions[index] &+= other.predictions[index] }
        inferences &+= other.inferences
        reports += other.reports
    }

    /// PSI of each feature and of the predictions against their thresholds.
    func verdict() throws(SketchError) -> DriftVerdict {
        var metrics: [DriftMetric] = []
        for (index, feature) in baseline.features.enumerated() {
            metrics.append(
                DriftMetric(
                    subject: .feature(index), psi: try PSI.value(baseline: feature.counts, observed: features[index]),
                    threshold: Self.threshold(feature.driftThreshold)))
        }
        metrics.append(
            DriftMetric(
                subject: .predictions,
                psi: try PSI.value(baseline: baseline.predictions.counts, observed: predictions),
                threshold: Self.threshold(baseline.predictions.driftThreshold)))
        return DriftVerdict(
            metrics: metrics, inferences: inferences, minimumInferences: UInt64(max(baseline.minimumInferences, 1)))
    }

    /// A metric without a derived threshold is shown and never judged.
    private static func threshold(_ value: Float) -> Double {
        value.isFinite && value > 0 ? Double(value) : .infinity
    }
}
