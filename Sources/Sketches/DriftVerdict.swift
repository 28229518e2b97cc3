/// How far one metric has moved, against what the release calls normal.
public struct DriftMetric: Hashable, Sendable {
    /// What was compared.
    public enum Subject: Hashable, Sendable {
        /// A feature, by its index in the release's baseline.
        case feature(Int)
        /// The predicted classes.
        case predictions
    }

    public var subject: Subject
    /// Population stability index, 0 or more.
    public var psi: Double
    /// Where drift begins; infinite for a metric that is shown without a verdict.
    public var threshold: Double

    public init(subject: Subject, psi: Double, threshold: Double) {
        self.subject = subject
        self.psi = psi
        self.threshold = threshold
    }

    /// PSI as a multiple of the threshold: above 1 is drift. 0 without a threshold.
    public var ratio: Double {
        guard threshold.isFinite, threshold > 0 else { return 0 }
        return psi / threshold
    }
}

/// Whether a device, or a group of them, sees something else than the release was trained on.
///
/// The score is the greatest of all ratios of PSI to threshold; above 1 the verdict is drift. Below the release's
/// minimum of inferences there is no verdict, because PSI of a few values is large by chance alone.
public struct DriftVerdict: Hashable, Sendable {
    /// What is said.
    public enum Outcome: Hashable, Sendable {
        case tooFewInferences
        case normal
        case drifted
    }

    /// Every metric, the one that moved most first.
    public let metrics: [DriftMetric]
    /// Inferences that the metrics rest on.
    public let inferences: UInt64
    public let outcome: Outcome

    public init(metrics: [DriftMetric], inferences: UInt64, minimumInferences: UInt64) {
        self.metrics = metrics.sorted { $0.ratio > $1.ratio }
        self.inferences = inferences
        if inferences < minimumInferences {
            outcome = .tooFewInferences
        } else {
            outcome = (self.metrics.first?.ratio ?? 0) > 1 ? .drifted : .normal
        }
    }

    /// The greatest ratio; 0 without metrics.
    public var score: Double { metrics.first?.ratio ?? 0 }
    public var isDrifted: Bool { outcome == .drifted }
    /// The metrics beyond their thresholds, the worst first: empty unless drifted.
    public var reasons: [DriftMetric] { isDrifted ? metrics.filter { $0.ratio > 1 } : [] }
}
