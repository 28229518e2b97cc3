import ModelImage

/// One scale and zero point: `real = scale · (stored − zeroPoint)`.
struct ByteQuantization: Equatable, Sendable {
    var scale: Float
    var zeroPoint: Int
    var type: ElementType

    /// The numbers of the type.
    var range: ClosedRange<Int> { type == .int8 ? -128...127 : 0...255 }

    /// The nearest stored number, halves to even, within the type's range.
    func stored(_ value: Float) -> Int64 {
        let steps = (value / scale).rounded(.toNearestOrEven)
        guard !steps.isNaN else { return Int64(zeroPoint) }
        let bounded = max(-1024, min(1024, steps))
        return Int64(max(range.lowerBound, min(range.upperBound, Int(bounded) + zeroPoint)))
    }

    /// What results become that an activation bounds; nil for activations that do more than that.
    func bytes(_ activation: Activation) -> ByteRange? {
        let (low, high) = (Int64(range.lowerBound), Int64(range.upperBound))
        switch activation.function {
        case .identity: return ByteRange(zeroPoint: zeroPoint, low: Int(low), high: Int(high))
        case .relu: return ByteRange(zeroPoint: zeroPoint, low: Int(stored(0)), high: Int(high))
        case .clip where activation.alpha <= activation.beta:
            return ByteRange(
                zeroPoint: zeroPoint, low: Int(stored(activation.alpha)), high: Int(stored(activation.beta)))
        default: return nil
        }
    }
}
