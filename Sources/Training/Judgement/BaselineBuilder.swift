public import FleetModel
import Sketches

/// Derives what a release calls normal: histograms of the training frames and, for each, the PSI above which a device
/// counts as drifted.
///
/// Textbook limits alarm on everybody: devices differ among themselves. So every training group is left out in turn and
/// compared, over windows of the verdict's own minimal size, with the groups that remain; the threshold is the largest
/// PSI of an undrifted group times a margin. Windows of that size carry the bias that PSI has for few values, so it is
/// part of the threshold.
public struct BaselineBuilder: Sendable {
    /// Numbers of the derivation.
    public struct Options: Hashable, Sendable {
        /// Bins of a channel's histogram, with equally many training values in each.
        public var bins = 10
        /// Inferences below which no verdict is given; also the size of a window.
        public var minimumInferences = 100
        /// Windows that are drawn from each group.
        public var windows = 20
        /// Threshold of a channel as a multiple of the largest PSI among undrifted groups.
        public var channelMargin = 1.25
        /// The same for predictions: models that left groups out differ more than sensors do.
        public var predictionMargin = 2.0
        /// No threshold is below this PSI.
        public var floor = 0.05

        public init() {}
    }

    /// Most values of a channel that quantiles are taken from; more are thinned evenly.
    public static let quantileValues = 200_000
    /// Groups that stand in when the frames name fewer than three: a random share of the frames each. Weaker, since
    /// such groups differ only by chance.
    public static let stackedGroups = 5

    private let set: TrainingSet
    private let options: Options
    private let seed: UInt64
    private let groups: [[Int]]

    public init(_ set: TrainingSet, seed: UInt64, options: Options = Options()) {
        self.set = set
        self.options = options
        self.seed = seed
        var generator = SeededGenerator(seed: SeededGenerator.derive(seed, 77))
        var byName: [String: [Int]] = [:]
        for index in set.frames.indices { byName[set.frames[index].group, default: []].append(index) }
        var groups = byName.keys.sorted().compactMap { byName[$0] }
        if groups.count < 3 {
            let order = Array(set.frames.indices).shuffled(using: &generator)
            groups = (0..<Self.stackedGroups).map { part in
                order.enumerated().filter { $0.offset % Self.stackedGroups == part }.map(\.element)
            }
        }
        if groups.count > TrainingLimits.folds {
            groups = Array(groups.shuffled(using: &generator).prefix(TrainingLimits.folds))
        }
        self.groups = groups.filter { !$0.isEmpty }
    }

    /// The baseline with all thresholds.
    ///
    /// - Parameter metrics: what the trainer said of its predictions; without models that left groups out the
    ///   predictions get no threshold (infinite), and drift of predictions is shown without a verdict.
    /// - Throws: `tooLittleData` without frames.
    public func baseline(metrics: TrainingMetrics) throws(TrainingError) -> Baseline {
        guard !set.frames.isEmpty else { throw TrainingError(.tooLittleData, "there is no frame for a baseline") }
        var features: [FeatureBaseline] = []
        for channel in set.input.channels.indices {
            let edges = edges(channel, frames: Array(set.frames.indices))
            let counts = counts(channel, frames: Array(set.frames.indices), edges: edges)
            features.append(
                FeatureBaseline(
                    channel: channel, statistic: .reading, edges: edges, counts: counts.bins,
                    driftThreshold: Float(try threshold(channel))))
        }
        return Baseline(
            features: features,
            predictions: PredictionBaseline(
                counts: metrics.predictions, driftThreshold: Float(try predictionThreshold(metrics))),
            minimumInferences: options.minimumInferences)
    }

    // MARK: - Thresholds

    private func threshold(_ channel: Int) throws(TrainingError) -> Double {
        var largest = 0.0
        for (number, group) in groups.enumerated() {
            let others = groups.enumerated().filter { $0.offset != number }.flatMap(\.element)
            guard !others.isEmpty else { continue }
            let edges = edges(channel, frames: others)
            let baseline = counts(channel, frames: others, edges: edges)
            let single = group.map { counts(channel, frames: [$0], edges: edges) }
            for window in windows(of: group.count, number) {
                var observed = BinCounts(edges: edges)
                for frame in window { try Self.sketch { () throws(SketchError) in try observed.merge(single[frame]) } }
                let psi = try Self.sketch { () throws(SketchError) in
                    try PSI.value(baseline: baseline, observed: observed)
                }
                largest = max(largest, psi)
            }
        }
        return max(largest * options.channelMargin, options.floor)
    }

    private func predictionThreshold(_ metrics: TrainingMetrics) throws(TrainingError) -> Double {
        guard !metrics.folds.isEmpty else { return .infinity }
        var largest = 0.0
        for (number, fold) in metrics.folds.enumerated() {
            for group in fold.groups {
                for window in windows(of: group.predictions.count, number) {
                    var observed = [UInt64](repeating: 0, count: fold.fitted.count)
                    for frame in window where observed.indices.contains(group.predictions[frame]) {
                        observed[group.predictions[frame]] += 1
                    }
                    let psi = try Self.sketch { () throws(SketchError) in
                        try PSI.value(baseline: fold.fitted, observed: observed)
                    }
                    largest = max(largest, psi)
                }
            }
        }
        return max(largest * options.predictionMargin, options.floor)
    }

    /// Positions of the frames in each window; one window of all when there are too few for a choice.
    private func windows(of count: Int, _ number: Int) -> [[Int]] {
        let all = Array(0..<count)
        guard count > options.minimumInferences else { return count > 0 ? [all] : [] }
        var generator = SeededGenerator(seed: SeededGenerator.derive(seed, UInt64(1000 + number)))
        return (0..<options.windows).map { _ in
            Array(all.shuffled(using: &generator).prefix(options.minimumInferences))
        }
    }

    private static func sketch<Value>(
        _ body: () throws(SketchError) -> Value
    ) throws(TrainingError) -> Value {
        do {
            return try body()
        } catch {
            throw TrainingError(.badJob, "the trainer's counts do not fit its classes: \(error)")
        }
    }

    // MARK: - Histograms

    private func counts(_ channel: Int, frames: [Int], edges: [Float]) -> BinCounts {
        var counts = BinCounts(edges: edges)
        forEachValue(channel, frames) { counts.add($0, edges: edges) }
        return counts
    }

    private func edges(_ channel: Int, frames: [Int]) -> [Float] {
        var values: [Float] = []
        forEachValue(channel, frames) { values.append($0) }
        return Quantiles.edges(of: values, bins: options.bins, limit: Self.quantileValues)
    }

    private func forEachValue(_ channel: Int, _ frames: [Int], _ body: (Float) -> Void) {
        let width = set.input.valueCount
        let isPlane = set.input.kind == .image
        set.values.withUnsafeBufferPointer { values in
            for frame in frames {
                let start = frame * width
                let step = isPlane ? 1 : set.input.width
                for place in stride(from: start + (isPlane ? 0 : channel), to: start + width, by: step) {
                    body(values[place])
                }
            }
        }
    }
}

/// Quantiles as bin edges.
enum Quantiles {
    /// Rising edges, at most `bins + 1` of them: the least and the greatest value, and between them the quantiles
    /// (linear between neighbours: type 7 of R. J. Hyndman, Y. Fan, 1996). Equal ones are kept once.
    static func edges(of values: [Float], bins: Int, limit: Int) -> [Float] {
        guard var least = values.first else { return [0, 1] }
        var greatest = least
        for value in values {
            least = min(least, value)
            greatest = max(greatest, value)
        }
        guard least < greatest else { return [least, least.nextUp] }
        let step = max(values.count / limit, 1)
        var sorted = step == 1 ? values : stride(from: 0, to: values.count, by: step).map { values[$0] }
        sorted.sort()
        var edges = [least]
        for bin in 1..<bins {
            let place = Double(bin) / Double(bins) * Double(sorted.count - 1)
            let low = Int(place)
            let high = min(low + 1, sorted.count - 1)
            let value = sorted[low] + Float(place - Double(low)) * (sorted[high] - sorted[low])
            if let last = edges.last, value > last, value < greatest { edges.append(value) }
        }
        return edges + [greatest]
    }
}
