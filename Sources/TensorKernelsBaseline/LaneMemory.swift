import TensorKernels

// Loading and storing vectors at any address. The smallest functions are transparent, not only always inlined: the
// inliner gives up in a caller as large as an unrolled register block, and a call would spill all its registers.

/// A whole vector.
@_transparent
func load(_ source: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(source).loadUnaligned(as: Lanes.self)
}

@_transparent
func store(_ lanes: Lanes, _ target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).storeBytes(of: lanes, as: Lanes.self)
}

/// The first `count` floats, 0 in the other lanes; reads nothing past them.
@inline(__always)
func load(_ source: UnsafePointer<Float>, prefix count: Int) -> Lanes {
    var lanes = Lanes(repeating: 0)
    for lane in 0..<count { lanes[lane] = source[lane] }
    return lanes
}

/// Stores the first `count` lanes and touches nothing past them.
@inline(__always)
func store(_ lanes: Lanes, _ target: UnsafeMutablePointer<Float>, prefix count: Int) {
    if count >= Block.lanes {
        store(lanes, target)
    } else if count > 0 {
        storeSome(lanes, target, count)
    }
}

/// The first `count` lanes, fewer than all: by halves, since a loop over lanes would take them from memory.
@inline(__always)
private func storeSome(_ lanes: SIMD16<Float>, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    guard count >= 8 else { return storeSome(lanes.lowHalf, target, count) }
    UnsafeMutableRawPointer(target).storeBytes(of: lanes.lowHalf, as: SIMD8<Float>.self)
    storeSome(lanes.highHalf, target + 8, count - 8)
}

@inline(__always)
private func storeSome(_ lanes: SIMD8<Float>, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    guard count >= 4 else { return storeSome(lanes.lowHalf, target, count) }
    UnsafeMutableRawPointer(target).storeBytes(of: lanes.lowHalf, as: SIMD4<Float>.self)
    storeSome(lanes.highHalf, target + 4, count - 4)
}

@inline(__always)
private func storeSome(_ lanes: SIMD4<Float>, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    if count >= 1 { target[0] = lanes[0] }
    if count >= 2 { target[1] = lanes[1] }
    if count >= 3 { target[2] = lanes[2] }
}

/// Bounds in every lane: made once per tile, applied to each of its vectors.
struct LaneClamp {
    let low: Lanes
    let high: Lanes

    @_transparent
    init(_ clamp: Clamp) {
        low = Lanes(repeating: clamp.low)
        high = Lanes(repeating: clamp.high)
    }
}

/// The lanes, none smaller than the lower bound; NaN stays NaN.
@_transparent
func raised(_ lanes: Lanes, _ bounds: LaneClamp) -> Lanes {
    lanes.replacing(with: bounds.low, where: lanes .< bounds.low)
}

/// The lanes, none larger than the upper bound; NaN stays NaN.
@_transparent
func lowered(_ lanes: Lanes, _ bounds: LaneClamp) -> Lanes {
    lanes.replacing(with: bounds.high, where: lanes .> bounds.high)
}

/// The lanes within the bounds; NaN stays NaN.
@_transparent
func bounded(_ lanes: Lanes, _ bounds: LaneClamp) -> Lanes {
    lowered(raised(lanes, bounds), bounds)
}

/// A whole vector where `count` allows, else the first `count` floats.
@inline(__always)
func loadUpTo(_ source: UnsafePointer<Float>, _ count: Int) -> Lanes {
    count >= Block.lanes ? load(source) : load(source, prefix: count)
}
