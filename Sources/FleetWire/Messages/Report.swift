public import FleetModel
public import Sketches

/// `dev/{id}/up/report`: metrics over an interval, keyed (device, boot, sequence); reports of a release merge by addition.
public struct Report: Hashable, Sendable {
    public var boot: String
    /// Counts from 1 within (boot, report stream).
    public var sequence: UInt64
    public var slot: SlotName
    public var release: Digest
    public var image: Digest
    public var version: VersionID
    public var start: Instant
    public var end: Instant
    public var inferences: UInt64
    public var errors: UInt64
    /// Inferences below the release's minimum confidence.
    public var uncertain: UInt64
    /// One histogram per feature of the baseline, in its order.
    public var features: [BinCounts]
    /// Predictions by class.
    public var predictions: [UInt64]
    /// Of the top class's probability.
    public var confidence: Moments
    /// Of the difference between the two highest probabilities.
    public var margin: Moments
    /// Latency of an inference in microseconds.
    public var latency: LatencyHistogram
    public var samplesOffered: UInt64
    public var samplesChosen: UInt64
    /// Samples that the budget or the spool's limit turned away.
    public var samplesDropped: UInt64
    /// Reports that the spool's limit dropped since the last report.
    public var reportsDropped: UInt64

    public init(
        boot: String, sequence: UInt64, slot: SlotName, release: Digest, image: Digest, version: VersionID,
        start: Instant, end: Instant, inferences: UInt64, errors: UInt64, uncertain: UInt64, features: [BinCounts],
        predictions: [UInt64], confidence: Moments, margin: Moments, latency: LatencyHistogram, samplesOffered: UInt64,
        samplesChosen: UInt64, samplesDropped: UInt64, reportsDropped: UInt64
    ) {
        self.boot = boot
        self.sequence = sequence
        self.slot = slot
        self.release = release
        self.image = image
        self.version = version
        self.start = start
        self.end = end
        self.inferences = inferences
        self.errors = errors
        self.uncertain = uncertain
        self.features = features
        self.predictions = predictions
        self.confidence = confidence
        self.margin = margin
        self.latency = latency
        self.samplesOffered = samplesOffered
        self.samplesChosen = samplesChosen
        self.samplesDropped = samplesDropped
        self.reportsDropped = reportsDropped
    }
}
