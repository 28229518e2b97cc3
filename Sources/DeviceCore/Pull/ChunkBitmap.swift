/// Which chunks of a blob are on disk.
public struct ChunkBitmap: Hashable, Sendable {
    public let count: Int
    private var words: [UInt64]
    public private(set) var held = 0

    /// No chunk is held. A negative count is taken as 0.
    public init(count: Int) {
        self.count = max(0, count)
        words = Array(repeating: 0, count: (self.count + 63) / 64)
    }

    /// Reads the stored form; nil if the bytes do not fit the count or name chunks beyond it.
    public init?(count: Int, bytes: [UInt8]) {
        self.init(count: count)
        guard bytes.count == (self.count + 7) / 8 else { return nil }
        for (index, byte) in bytes.enumerated() {
            words[index / 8] |= UInt64(byte) << UInt64(8 * (index % 8))
        }
        if count % 64 != 0, let last = words.last, last >> UInt64(count % 64) != 0 { return nil }
        held = words.reduce(0) { $0 + $1.nonzeroBitCount }
    }

    /// The stored form: bit `i % 8` of byte `i / 8` is chunk `i`.
    public var bytes: [UInt8] {
        (0..<(count + 7) / 8).map { UInt8(truncatingIfNeeded: words[$0 / 8] >> UInt64(8 * ($0 % 8))) }
    }

    public var isComplete: Bool { held == count }

    /// Whether chunk `index` is held; false outside the blob.
    public subscript(index: Int) -> Bool {
        guard (0..<count).contains(index) else { return false }
        return words[index / 64] >> UInt64(index % 64) & 1 == 1
    }

    /// Marks a chunk as held; nothing happens outside the blob.
    public mutating func insert(_ index: Int) {
        guard (0..<count).contains(index), !self[index] else { return }
        words[index / 64] |= 1 << UInt64(index % 64)
        held += 1
    }

    /// Marks a chunk as not held: its bytes turned out not to be there.
    public mutating func remove(_ index: Int) {
        guard self[index] else { return }
        words[index / 64] &= ~(1 << UInt64(index % 64))
        held -= 1
    }

    /// Whether every chunk of `range` within the blob is held.
    public func holdsAll(of range: Range<Int>) -> Bool { range.clamped(to: 0..<count).allSatisfy { self[$0] } }

    /// Half-open ranges of the chunks of `range` that are not held.
    public func missing(in range: Range<Int>) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for index in range.clamped(to: 0..<count) where !self[index] {
            if let last = ranges.last, last.upperBound == index {
                ranges[ranges.count - 1] = last.lowerBound..<index + 1
            } else {
                ranges.append(index..<index + 1)
            }
        }
        return ranges
    }
}
