import CVectorSupport
import TensorKernels

/// A float per 32-bit number of ``Sums``.
typealias SumFloats = Lanes

/// Requantization in every lane: made once per tile.
struct LaneRequantization {
    let low: SumFloats
    let high: SumFloats
    let offset: Sums

    /// Adding 1.5·2²³ to a float of magnitude below 2²² rounds it to a whole number, halves to even, which then is in
    /// the low bits of its representation.
    @inline(__always) static var magic: Float { 12_582_912 }
    @inline(__always) static var magicBits: Int32 { 0x4B40_0000 }

    @inline(__always)
    init(_ requantization: Requantization) {
        low = SumFloats(repeating: Float(requantization.low - requantization.zeroPoint))
        high = SumFloats(repeating: Float(requantization.high - requantization.zeroPoint))
        offset = Sums(repeating: requantization.zeroPoint &- Self.magicBits)
    }

    /// The stored number of each real multiple of the output's scale.
    @_transparent
    func stored(_ values: SumFloats) -> Sums {
        let bounded = bounded(values, low, high)
        return unsafeBitCast(bounded + SumFloats(repeating: Self.magic), to: Sums.self) &+ offset
    }
}

/// `values` within `low...high`.
@_transparent
private func bounded(_ values: SumFloats, _ low: SumFloats, _ high: SumFloats) -> SumFloats {
    let raised = values.replacing(with: low, where: values .< low)
    return raised.replacing(with: high, where: raised .> high)
}

/// The first `count` low bytes, fewer than a vector has or all.
@inline(__always)
func storeBytes(_ lanes: Sums, _ target: UnsafeMutableRawPointer, prefix count: Int) {
    if count >= IntegerBlock.lanes {
        vector_store_bytes(lanes, target)
    } else {
        for lane in 0..<count {
            target.storeBytes(of: UInt8(truncatingIfNeeded: lanes[lane]), toByteOffset: lane, as: UInt8.self)
        }
    }
}

/// One vector of bytes as 32-bit numbers; reads a whole vector.
@_transparent
func loadBytes(_ source: UnsafeRawPointer, isSigned: Bool) -> Sums {
    isSigned ? vector_load_signed(source) : vector_load_unsigned(source)
}

/// The first `count` bytes as 32-bit numbers; reads nothing past them.
@inline(__always)
func loadBytes(_ source: UnsafeRawPointer, isSigned: Bool, prefix count: Int) -> Sums {
    if count >= IntegerBlock.lanes { return loadBytes(source, isSigned: isSigned) }
    var lanes = Sums(repeating: 0)
    for lane in 0..<count { lanes[lane] = byte(source + lane, isSigned: isSigned) }
    return lanes
}

/// One byte as a number.
@_transparent
func byte(_ source: UnsafeRawPointer, isSigned: Bool) -> Int32 {
    isSigned ? Int32(source.load(as: Int8.self)) : Int32(source.load(as: UInt8.self))
}
