/// A dataset version scored with two versions, and what changed between them.
public struct Replay: Codable, Hashable, Sendable {
    /// One of the two versions.
    public struct Side: Codable, Hashable, Sendable {
        /// Such as `shoulder:2`.
        public let version: String
        /// Share of the annotated frames whose class it answers, 0...1; nil when no frame is annotated.
        public let accuracy: Double?
    }

    /// A frame that the two versions answer differently.
    public struct Change: Codable, Hashable, Sendable {
        /// The frame's number in the dataset version.
        public let frame: String
        public let device: String
        /// The class that people gave it; nil when it has none.
        public let annotated: String?
        /// The classes that the versions answer.
        public let before: String
        public let after: String
        /// The scores of those answers.
        public let scoreBefore: Float
        public let scoreAfter: Float
        /// True when the second version is right and the first is not; false for the reverse; nil when both are wrong, or
        /// nobody knows.
        public let improved: Bool?
    }

    public let first: Side
    public let second: Side
    public let classes: [String]
    /// Frames that were scored.
    public let frames: Int
    /// Those of them that are annotated.
    public let annotated: Int
    /// `confusion[a][b]`: frames that the first version answers with class a and the second with class b.
    public let confusion: [[Int]]
    /// The frames off the confusion's diagonal, in the dataset's order.
    public let changes: [Change]
    /// The largest difference of one score.
    public let largestScoreDifference: Float

    /// Frames that both versions answer alike, as a share.
    public var agreement: Double { frames == 0 ? 1 : Double(frames - changes.count) / Double(frames) }

    /// Compares the scores of two versions.
    ///
    /// - Parameters:
    ///   - frames: The frames.
    ///   - scores: Each frame's scores, one per class, of the first and of the second version.
    ///   - versions: The versions' names.
    ///   - classes: The classes in the order of the scores.
    public init(
        _ frames: [ReplayFrame], scores: (first: [[Float]], second: [[Float]]), versions: (String, String),
        classes: [String]
    ) {
        var confusion = [[Int]](repeating: [Int](repeating: 0, count: classes.count), count: classes.count)
        var changes: [Change] = []
        var right = (first: 0, second: 0)
        var annotated = 0
        var difference: Float = 0
        for (index, frame) in frames.enumerated() {
            let (one, other) = (scores.first[index], scores.second[index])
            let (before, after) = (Self.best(one), Self.best(other))
            confusion[before][after] += 1
            difference = zip(one, other).map { abs($0 - $1) }.reduce(difference, max)
            let known = frame.classIndex.flatMap { classes.indices.contains($0) ? $0 : nil }
            if let known {
                annotated += 1
                right.first += before == known ? 1 : 0
                right.second += after == known ? 1 : 0
            }
            guard before != after else { continue }
            let improved: Bool? = after == known ? true : before == known ? false : nil
            changes.append(
                Change(
                    frame: frame.name, device: frame.device, annotated: known.map { classes[$0] },
                    before: classes[before], after: classes[after], scoreBefore: one[before], scoreAfter: other[after],
                    improved: improved))
        }
        func accuracy(_ right: Int) -> Double? { annotated == 0 ? nil : Double(right) / Double(annotated) }
        first = Side(version: versions.0, accuracy: accuracy(right.first))
        second = Side(version: versions.1, accuracy: accuracy(right.second))
        self.classes = classes
        self.frames = frames.count
        self.annotated = annotated
        self.confusion = confusion
        self.changes = changes
        largestScoreDifference = difference
    }

    /// The class with the highest score; the first of equals.
    static func best(_ scores: [Float]) -> Int {
        var best = 0
        for index in scores.indices where scores[index] > scores[best] { best = index }
        return best
    }
}

// MARK: - For a terminal

extension Replay: CustomStringConvertible {
    /// Frames that the text lists, at most; `--json` has them all.
    public static let listedLimit = 50

    public var description: String {
        var lines = ["\(frames) frames, \(annotated) of them annotated"]
        for side in [first, second] {
            lines.append("\(side.version): accuracy " + (side.accuracy.map { "\(Self.percent($0))" } ?? "unknown"))
        }
        let better = changes.filter { $0.improved == true }.count
        let worse = changes.filter { $0.improved == false }.count
        lines.append(
            "\(changes.count) frames change class (\(better) become right, \(worse) become wrong), "
                + "largest difference of a score \(largestScoreDifference)")
        lines += ["", "rows: \(first.version), columns: \(second.version)"]
        lines += PlanTable.text(
            [[""] + classes] + classes.indices.map { row in [classes[row]] + confusion[row].map(String.init) })
        guard !changes.isEmpty else { return lines.joined(separator: "\n") }
        lines.append("")
        lines += PlanTable.text(
            [["frame", "device", "annotated", "before", "after", ""]]
                + changes.prefix(Self.listedLimit).map { change in
                    [
                        change.frame, change.device, change.annotated ?? "-", "\(change.before) \(change.scoreBefore)",
                        "\(change.after) \(change.scoreAfter)",
                        change.improved.map { $0 ? "becomes right" : "becomes wrong" } ?? "",
                    ]
                })
        if changes.count > Self.listedLimit { lines.append("… and \(changes.count - Self.listedLimit) more") }
        return lines.joined(separator: "\n")
    }

    private static func percent(_ share: Double) -> String { PlanTable.number(share * 100) + " %" }
}
