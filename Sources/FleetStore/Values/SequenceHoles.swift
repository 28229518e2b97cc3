import GRDB

/// Rising, disjoint, half-open runs of missing sequences; TEXT such as `3-5,9-10`.
public struct SequenceHoles: Hashable, Sendable, StoredText {
    public private(set) var ranges: [Range<UInt64>]

    public init(_ ranges: [Range<UInt64>] = []) { self.ranges = ranges }

    public var storedText: String {
        ranges.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
    }

    public init?(storedText: String) {
        var ranges: [Range<UInt64>] = []
        for part in storedText.split(separator: ",") {
            let bounds = part.split(separator: "-").compactMap { UInt64($0) }
            guard bounds.count == 2, bounds[0] < bounds[1] else { return nil }
            ranges.append(bounds[0]..<bounds[1])
        }
        self.init(ranges)
    }

    /// Whether a sequence is missing.
    public func contains(_ sequence: UInt64) -> Bool { ranges.contains { $0.contains(sequence) } }

    /// A sequence arrived that had been missing.
    public mutating func fill(_ sequence: UInt64) {
        guard let index = ranges.firstIndex(where: { $0.contains(sequence) }) else { return }
        let range = ranges[index]
        let left = range.lowerBound..<sequence
        let right = (sequence + 1)..<range.upperBound
        ranges.replaceSubrange(index...index, with: [left, right].filter { !$0.isEmpty })
    }

    /// These sequences were jumped over; they lie above all others.
    public mutating func append(_ range: Range<UInt64>) {
        guard !range.isEmpty else { return }
        ranges.append(range)
    }

    /// Drops the lowest runs until at most `limit` are left.
    public mutating func forgetOldest(keeping limit: Int) {
        if ranges.count > limit { ranges.removeFirst(ranges.count - limit) }
    }
}
