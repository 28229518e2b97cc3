public import FleetModel
public import FleetWire
import Sketches

/// Statistics of one release over one interval, until they leave as a `Report`. Reports merge by addition, so a window
/// that stays open longer (because the spool is full) loses nothing but resolution in time.
public struct ReportWindow: Sendable {
    public let slot: SlotName
    public let release: Digest
    private let part: ReleasePart
    private var start: Instant
    private var counts: Counts

    /// Everything that begins again at zero with each report.
    private struct Counts: Sendable {
        var inferences: UInt64 = 0
        var errors: UInt64 = 0
        var uncertain: UInt64 = 0
        var features: [BinCounts]
        var predictions: [UInt64]
        var confidence = Moments()
        var margin = Moments()
        var latency = LatencyHistogram()
        var samplesOffered: UInt64 = 0
        var samplesChosen: UInt64 = 0
        var samplesDropped: UInt64 = 0

        init(_ part: ReleasePart) {
            features = part.baseline.features.map { BinCounts(edges: $0.edges) }
            predictions = Array(repeating: 0, count: part.classes.count)
        }
    }

    public init(slot: SlotName, release: Digest, part: ReleasePart, start: Instant) {
        self.slot = slot
        self.release = release
        self.part = part
        self.start = start
        counts = Counts(part)
    }

    /// Nothing was counted yet.
    public var isEmpty: Bool { counts.inferences == 0 && counts.errors == 0 }

    /// When the window should be closed, if it is not empty.
    public func dueAt(_ interval: Interval) -> Instant { start.advanced(by: interval) }

    // MARK: Counting

    /// Counts one inference.
    ///
    /// - Parameters:
    ///   - frame: raw values before normalisation, row by row, `FrameDescription.valueCount` of them.
    ///   - latency: of the inference, in microseconds.
    public mutating func add(frame: UnsafeBufferPointer<Float>, judgement: Judgement, latency: Int) {
        counts.inferences += 1
        if judgement.confidence < part.thresholds.minimumConfidence { counts.uncertain += 1 }
        if counts.predictions.indices.contains(judgement.classIndex) { counts.predictions[judgement.classIndex] += 1 }
        counts.confidence.add(Double(judgement.confidence))
        counts.margin.add(Double(judgement.margin))
        counts.latency.add(microseconds: latency)
        for index in part.baseline.features.indices { count(feature: index, of: frame) }
    }

    /// Counts an inference that failed.
    public mutating func addError() { counts.errors += 1 }

    /// Counts what the sampler decided about a frame.
    public mutating func add(_ decision: SampleDecision) {
        switch decision {
        case .disabled: break
        case .notOffered: counts.samplesDropped += 1
        case .passed: counts.samplesOffered += 1
        case .chosen:
            counts.samplesOffered += 1
            counts.samplesChosen += 1
        }
    }

    /// Counts samples that were chosen in earlier intervals and given up since.
    public mutating func addDropped(samples: UInt64) { counts.samplesDropped += samples }

    private mutating func count(feature index: Int, of frame: UnsafeBufferPointer<Float>) {
        let feature = part.baseline.features[index]
        let values = ChannelValues(frame: frame, channel: feature.channel, of: part.input)
        switch feature.statistic {
        case .reading:
            var position = values.first
            while position < frame.count {
                counts.features[index].add(frame[position], edges: feature.edges)
                position += values.step
            }
        case .mean: counts.features[index].add(values.moments().mean, edges: feature.edges)
        case .deviation: counts.features[index].add(values.moments().deviation, edges: feature.edges)
        }
    }

    // MARK: Closing

    /// Ends the interval and begins the next; nil if nothing was counted.
    public mutating func close(
        boot: String, sequence: UInt64, reportsDropped: UInt64, at now: Instant
    ) -> Report? {
        defer {
            start = now
            counts = Counts(part)
        }
        guard !isEmpty else { return nil }
        return Report(
            boot: boot, sequence: sequence, slot: slot, release: release, image: part.image.digest,
            version: part.version, start: start, end: max(start, now), inferences: counts.inferences,
            errors: counts.errors, uncertain: counts.uncertain, features: counts.features,
            predictions: counts.predictions, confidence: counts.confidence, margin: counts.margin,
            latency: counts.latency, samplesOffered: counts.samplesOffered, samplesChosen: counts.samplesChosen,
            samplesDropped: counts.samplesDropped, reportsDropped: reportsDropped)
    }
}

/// The values of one channel within a frame.
struct ChannelValues {
    private let frame: UnsafeBufferPointer<Float>
    /// Position of the channel's first value, and from one to the next.
    let first: Int
    let step: Int

    init(frame: UnsafeBufferPointer<Float>, channel: Int, of description: FrameDescription) {
        self.frame = frame
        // All pixels of an image are one channel.
        first = description.kind == .image ? 0 : channel
        step = description.kind == .image ? 1 : max(1, description.width)
    }

    /// Mean and population deviation; not a number if a value is not.
    func moments() -> (mean: Float, deviation: Float) {
        var moments = Moments()
        var position = first
        while position < frame.count {
            let value = frame[position]
            guard !value.isNaN else { return (.nan, .nan) }
            moments.add(Double(value))
            position += step
        }
        return (Float(moments.mean), Float(moments.deviation))
    }
}
