/// |a - b| within `tolerance`, relative to the larger of 1 and |b|.
func isClose(_ a: Double, _ b: Double, within tolerance: Double) -> Bool {
    (a - b).magnitude <= tolerance * Swift.max(1, b.magnitude)
}
