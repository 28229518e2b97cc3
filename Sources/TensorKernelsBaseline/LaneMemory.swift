import TensorKernels

/// Loading and storing vectors at any address.
@inline(__always)
func load(_ source: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(source).loadUnaligned(as: Lanes.self)
}

@inline(__always)
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
        for lane in 0..<count { target[lane] = lanes[lane] }
    }
}

extension Clamp {
    /// The bounds applied to each lane; NaN stays NaN.
    @inline(__always)
    func apply(_ lanes: Lanes) -> Lanes {
        let floor = Lanes(repeating: low)
        let ceiling = Lanes(repeating: high)
        let raised = lanes.replacing(with: floor, where: lanes .< floor)
        return raised.replacing(with: ceiling, where: raised .> ceiling)
    }
}

/// A whole vector where `count` allows, else the first `count` floats.
@inline(__always)
func loadUpTo(_ source: UnsafePointer<Float>, _ count: Int) -> Lanes {
    count >= Block.lanes ? load(source) : load(source, prefix: count)
}
