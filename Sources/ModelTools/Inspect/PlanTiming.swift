import EdgeRuntime

/// Times the steps of a plan on this machine.
public enum PlanTiming {
    /// Runs that are measured, at most.
    public static let runLimit = 101
    /// After this many milliseconds no further run begins.
    static let budget = 500

    /// Runs the model over inputs between −1 and 1 and adds each step's median time to the plan.
    public static func measure(_ plan: inout ModelPlan, _ loaded: inout LoadedModel) {
        let clock = ContinuousClock()
        let begin = clock.now
        var times = [[UInt64]](repeating: [], count: plan.steps.count)
        let inputs = PlanInputs.bytes(for: loaded.model.inputs)
        for run in 0..<runLimit {
            for (port, bytes) in inputs.enumerated() {
                loaded.model.withInput(port) { $0.copyBytes(from: bytes.prefix($0.count)) }
            }
            let time = { UInt64((clock.now - begin) / .nanoseconds(1)) }
            loaded.model.run(timing: time) { step, nanoseconds in
                // The first run touches memory for the first time.
                if run > 0 { times[step].append(nanoseconds) }
            }
            if run > 1, clock.now - begin > .milliseconds(budget) { break }
        }
        for (step, sample) in times.enumerated() where !sample.isEmpty {
            plan.steps[step].microseconds = Double(sample.sorted()[sample.count / 2]) / 1000
        }
    }
}
