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
    } else {
        storeSome(lanes, target, count)
    }
}

/// The first `count` lanes, fewer than all. Never inlined: the optimiser would take the lanes apart in the caller, and
/// slow down those that store whole vectors.
@inline(never)
private func storeSome(_ lanes: Lanes, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    for lane in 0..<count { target[lane] = lanes[lane] }
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
