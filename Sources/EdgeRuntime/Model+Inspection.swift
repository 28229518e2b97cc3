public import ModelImage

/// For inspection: what the plan is, and where its time goes.
extension Model {
    /// The image that the model was loaded from. It reads the model's bytes: use it only while the model lives.
    public var image: ImageReader { reader }

    /// Runs the plan once over the inputs that were written and tells how long each operation took.
    ///
    /// It prepares each operation's steps anew, outside of the time that it measures, and so allocates.
    ///
    /// - Parameters:
    ///   - clock: The time now, in any unit.
    ///   - report: Receives the operation's number in the plan and its time in the clock's unit.
    public mutating func run(timing clock: () -> UInt64, _ report: (Int, UInt64) -> Void) {
        for index in 0..<reader.operationCount {
            var builder = StepBuilder(reader: reader, arena: arena)
            builder.build(operation: index)
            let start = clock()
            for step in builder.steps { step.run(kernels) }
            report(index, clock() - start)
        }
    }
}
