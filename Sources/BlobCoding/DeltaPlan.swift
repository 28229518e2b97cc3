/// Which bytes of a new image are compared with which of an old one.
///
/// Constants are matched by name, then by order among those of one type and size; what lies between them (header,
/// tables, plan, names) is compared with the same place as bytes. The plan travels in the delta, so that whoever
/// applies it needs to know nothing of images.
enum DeltaPlan {
    /// Segments that cover `image` from its first byte to its last.
    static func segments(from base: DeltaImage, to image: DeltaImage) -> [DeltaSegment] {
        var old = OldConstants(base)
        var plan = PlanBuilder(baseBytes: base.file.count)
        for constant in image.constants where constant.range.lowerBound >= plan.end {
            plan.skip(to: constant.range.lowerBound)
            plan.append(
                DeltaSegment(
                    kind: constant.kind, length: constant.range.count,
                    base: old.take(like: constant)?.range.lowerBound))
        }
        plan.skip(to: image.file.count)
        return plan.segments
    }

    /// The segment, without its base if the elements alone promise to be shorter: new random weights, say.
    static func worthwhile(
        _ segment: DeltaSegment, at offset: Int, _ image: UnsafeRawBufferPointer, _ base: UnsafeRawBufferPointer,
        planes: UnsafeMutablePointer<UInt8>
    ) -> DeltaSegment {
        guard let start = segment.base, let target = image.baseAddress, let source = base.baseAddress else {
            return segment
        }
        // From the middle of the segment: its beginning may be padding.
        let count = min(segment.length, sampleBytes) / segment.kind.width
        let middle = (segment.length / 2 - count * segment.kind.width / 2) & ~7
        func cost(_ base: UnsafeRawPointer?) -> Float {
            ElementDifference.split(segment.kind, target + offset + middle, base, count: count, planes: planes)
            return (0..<segment.kind.width).reduce(0) { sum, plane in
                sum + ByteEntropy.bits(UnsafeBufferPointer(start: planes + plane * count, count: count))
            }
        }
        var chosen = segment
        if cost(nil) < cost(source + start + middle) { chosen.base = nil }
        return chosen
    }

    /// Bytes of a segment that decide whether its base is used.
    private static let sampleBytes = 64 << 10

    /// The base's constants, each given once.
    private struct OldConstants {
        private var waiting: [DeltaImage.Shape: [DeltaImage.Constant]]

        init(_ base: DeltaImage) {
            waiting = Dictionary(grouping: base.constants, by: \.shape)
        }

        mutating func take(like new: DeltaImage.Constant) -> DeltaImage.Constant? {
            guard let same = waiting[new.shape], !same.isEmpty else { return nil }
            let index = same.firstIndex { $0.name == new.name } ?? 0
            return waiting[new.shape]?.remove(at: index)
        }
    }

    /// Gathers segments, filling gaps and joining neighbours.
    private struct PlanBuilder {
        let baseBytes: Int
        private(set) var segments: [DeltaSegment] = []
        private(set) var end = 0

        init(baseBytes: Int) { self.baseBytes = baseBytes }

        /// Covers everything up to `offset` as bytes: compared with the same place, as far as the base reaches.
        mutating func skip(to offset: Int) {
            let shared = min(offset, baseBytes)
            if end < shared { append(DeltaSegment(kind: .bytes, length: shared - end, base: end)) }
            if end < offset { append(DeltaSegment(kind: .bytes, length: offset - end, base: nil)) }
        }

        mutating func append(_ segment: DeltaSegment) {
            defer { end += segment.length }
            // Only small neighbours are joined: whether a base is worth its while is judged a segment at a time.
            if var last = segments.last, last.kind == segment.kind, last.length < PlanBuilder.joinedBytes,
                last.base.map({ $0 + last.length }) == segment.base, (last.base == nil) == (segment.base == nil)
            {
                last.length += segment.length
                segments[segments.count - 1] = last
            } else {
                segments.append(segment)
            }
        }

        private static let joinedBytes = 4096
    }
}

/// Order-0 entropy, to compare two ways of writing the same.
enum ByteEntropy {
    /// Bits that an ideal code needs for these bytes, given their frequencies.
    static func bits(_ bytes: UnsafeBufferPointer<UInt8>) -> Float {
        var counts = [Int](repeating: 0, count: 256)
        for byte in bytes { counts[Int(byte)] += 1 }
        let total = Float(bytes.count)
        return counts.reduce(0) { sum, count in
            count == 0 ? sum : sum - Float(count) * log2(Float(count) / total)
        }
    }

    /// Base-two logarithm of a positive number: the exponent and the mantissa, linearly. Good to 0.09.
    private static func log2(_ value: Float) -> Float {
        Float(value.exponent) + value.significand - 1
    }
}
