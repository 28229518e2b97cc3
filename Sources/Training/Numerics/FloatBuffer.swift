/// Floats at an address that stays: a layer's activations, gradients or parameters.
///
/// A class without lock: each network owns its buffers and is used by one task at a time.
final class FloatBuffer {
    let count: Int
    let base: UnsafeMutablePointer<Float>

    /// Zeros.
    init(count: Int) {
        self.count = count
        base = .allocate(capacity: max(count, 1))
        base.initialize(repeating: 0, count: max(count, 1))
    }

    deinit { base.deallocate() }

    func zero() { base.update(repeating: 0, count: count) }

    var array: [Float] { Array(UnsafeBufferPointer(start: base, count: count)) }

    /// Takes the values of an array of the same count.
    func copy(_ values: [Float]) {
        for index in 0..<min(count, values.count) { base[index] = values[index] }
    }
}
