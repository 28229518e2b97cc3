public import ModelImage

/// For inspection: what the plan is, and where its time goes.
extension Model {
    /// The image that the model was loaded from. It reads the model's bytes: use it only while the model lives.
    public var image: ImageReader { reader }

    /// Runs the plan once over the inputs that were written and tells how long each operation took.
    ///
    /// - Parameters:
    ///   - clock: The time now, in any unit.
    ///   - report: Receives the operation's number in the plan and its time in the clock's unit.
    public mutating func run(timing clock: () -> UInt64, _ report: (Int, UInt64) -> Void) {
        var next = 0
        for (index, end) in ends.enumerated() {
            let start = clock()
            while next < end {
                steps[next].run(kernels)
                next += 1
            }
            report(index, clock() - start)
        }
    }
}
