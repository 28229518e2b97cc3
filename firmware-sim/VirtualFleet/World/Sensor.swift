import Sketches

/// What a device measures: values spread evenly around a mean that may wander off.
public struct Sensor: Hashable, Sendable {
    /// A change of the mean over time.
    public struct Drift: Hashable, Sendable {
        /// Milliseconds from the beginning.
        public var time: Int64
        /// Milliseconds that the change takes; 0 is a step.
        public var duration: Int64
        /// What is added to the mean in the end.
        public var shift: Double

        /// A change that begins at `time`.
        public init(time: Int64, duration: Int64 = 0, shift: Double) {
            self.time = time
            self.duration = duration
            self.shift = shift
        }
    }

    /// The middle of what is measured.
    public var mean = 1.0
    /// Half the width of the range that values are drawn from.
    public var spread = 1.0
    /// How the mean changes over time; nil if it does not.
    public var drift: Drift?

    /// Values from 0 to 2.
    public init() {}

    /// One frame of values.
    func frame(values count: Int, at time: Int64, _ chance: inout SeededGenerator) -> [Float] {
        let centre = mean + shift(at: time)
        return (0..<count).map { _ in Float(centre + spread * (Double(chance.below(2001)) / 1000 - 1)) }
    }

    private func shift(at time: Int64) -> Double {
        guard let drift, time >= drift.time else { return 0 }
        guard drift.duration > 0 else { return drift.shift }
        return drift.shift * min(1, Double(time - drift.time) / Double(drift.duration))
    }
}
