import FleetModel

/// Ticks at round numbers (1, 2 or 5 times a power of ten).
struct Axis: Hashable {
    var minimum: Double
    var maximum: Double
    var ticks: [Double]
    var places: Int

    /// Covers at least `low...high` with about `count` ticks.
    init(covering low: Double, _ high: Double, count: Int = 5) {
        let low = low.isFinite ? low : 0
        var high = high.isFinite ? high : 1
        if high - low < 1e-12 { high = low + 1 }
        let step = Self.roundStep((high - low) / Double(max(1, count)))
        let first = (low / step).rounded(.down) * step
        minimum = first
        maximum = (high / step).rounded(.up) * step
        ticks = (0...Int(((maximum - first) / step).rounded())).map { first + Double($0) * step }
        places = Self.decimals(step)
    }

    /// The next of 1, 2, 5 × 10ⁿ at or above a width.
    static func roundStep(_ width: Double) -> Double {
        var power = 1.0
        while power * 10 <= width { power *= 10 }
        while power > width { power /= 10 }
        return [1, 2, 5, 10].map { $0 * power }.first { $0 >= width * 0.999_999 } ?? power * 10
    }

    private static func decimals(_ step: Double) -> Int {
        var places = 0
        var value = step
        while places < 6, (value - value.rounded()).magnitude > 1e-9 * value.magnitude {
            value *= 10
            places += 1
        }
        return places
    }
}

/// Ticks at round times, UTC.
struct TimeAxis: Hashable {
    let start: Instant
    let end: Instant
    let ticks: [Instant]
    private let step: Interval

    /// Widths of ticks, in seconds.
    private static let steps: [Int64] = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
        2_592_000, 31_536_000,
    ]

    /// Covers exactly these moments with at most `count` ticks.
    init(_ start: Instant, _ end: Instant, count: Int) {
        let end = max(end, start.advanced(by: .seconds(1)))
        let width = end.since(start).milliseconds
        let step = (Self.steps.first { width / ($0 * 1000) <= Int64(count) } ?? 31_536_000) * 1000
        var ticks: [Instant] = []
        var tick = (start.milliseconds + step - 1) / step * step
        while tick <= end.milliseconds, ticks.count <= count {
            ticks.append(Instant(milliseconds: tick))
            tick += step
        }
        self.start = start
        self.end = end
        self.step = Interval(milliseconds: step)
        self.ticks = ticks
    }

    /// Where a moment lies, 0...1.
    func share(_ moment: Instant) -> Double {
        Double(moment.since(start).milliseconds) / Double(end.since(start).milliseconds)
    }

    /// `23:14`, `23:14:05` or `21 Nov`, whatever the step needs.
    func label(_ tick: Instant) -> String {
        let parts = ISO8601.parts(tick)
        if step >= .minutes(24 * 60) { return "\(parts.day) \(Self.months[parts.month - 1])" }
        let clock = "\(ISO8601.pad(parts.hour, 2)):\(ISO8601.pad(parts.minute, 2))"
        return step < .minutes(1) ? "\(clock):\(ISO8601.pad(parts.second, 2))" : clock
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
