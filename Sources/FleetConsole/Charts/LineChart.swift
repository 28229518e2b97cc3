import FleetModel

/// Values over time, drawn as SVG at three widths of which console.css shows the one that fits, so that text keeps its
/// size on a telephone.
struct LineChart {
    /// A moment of a series; `low` and `high` draw a confidence interval.
    struct Point: Hashable {
        var at: Instant
        var value: Double
        var low: Double?
        var high: Double?
        /// Says more on hovering than time and value.
        var note: String = ""
    }

    struct Series: Hashable {
        var name: String
        var points: [Point]
        /// Colour: `series-N` of console.css.
        var style: Int
    }

    /// A horizontal line with a name.
    struct Mark: Hashable {
        var value: Double
        var label: String
        /// A limit must not be passed; any other mark should be reached.
        var isLimit: Bool
    }

    /// What the chart shows, for people who do not see it.
    var summary: String
    /// Name and unit of the values, above the axis.
    var unit: String
    var series: [Series]
    var marks: [Mark] = []
    /// The least span of the vertical axis.
    var range: ClosedRange<Double>
    /// Writes a value on the axis and on hovering.
    var format: (Double) -> String = { Format.decimal($0, 2) }
    /// The horizontal axis covers at least this.
    var span: ClosedRange<Instant>?

    /// All drawings.
    var html: String {
        svg(width: 900, height: 280, style: "wide") + svg(width: 520, height: 240, style: "middle")
            + svg(width: 340, height: 230, style: "narrow")
    }

    private struct Frame {
        let left = 52.0
        let top = 26.0
        var right: Double
        var bottom: Double
        var time: TimeAxis
        var values: Axis

        func x(_ moment: Instant) -> Double { left + time.share(moment) * (right - left) }
        func y(_ value: Double) -> Double {
            bottom - (value - values.minimum) / (values.maximum - values.minimum) * (bottom - top)
        }
    }

    private func svg(width: Double, height: Double, style: String) -> String {
        let moments = series.flatMap { $0.points.map(\.at) } + (span.map { [$0.lowerBound, $0.upperBound] } ?? [])
        let all = series.flatMap { $0.points.flatMap { [$0.value, $0.low ?? $0.value, $0.high ?? $0.value] } }
        let start = moments.min() ?? .epoch
        let frame = Frame(
            right: width - 12, bottom: height - 26,
            time: TimeAxis(start, moments.max() ?? start, count: Int(width / 110)),
            values: Axis(
                covering: min(range.lowerBound, all.min() ?? range.lowerBound),
                max(range.upperBound, all.max() ?? range.upperBound), count: 4))
        return SVGCanvas.document(width: width, height: height, style: style, label: summary) { canvas in
            drawAxes(&canvas, frame)
            for series in series { draw(series, &canvas, frame) }
            for mark in marks { draw(mark, &canvas, frame) }
        }
    }

    private func drawAxes(_ canvas: inout SVGCanvas, _ frame: Frame) {
        canvas.label(0, 12, unit, "title")
        for tick in frame.values.ticks {
            let y = frame.y(tick)
            canvas.line(frame.left, y, frame.right, y, tick == frame.values.minimum ? "axis" : "grid-line")
            canvas.label(frame.left - 8, y + 4, format(tick), anchor: "end")
        }
        for tick in frame.time.ticks {
            let x = frame.x(tick)
            canvas.line(x, frame.bottom, x, frame.bottom + 5, "axis")
            canvas.label(x, frame.bottom + 19, frame.time.label(tick), anchor: "middle")
        }
    }

    private func draw(_ series: Series, _ canvas: inout SVGCanvas, _ frame: Frame) {
        canvas.open(group: "s\(series.style % 8)")
        let n = SVGCanvas.number
        let line = series.points.map { "\(n(frame.x($0.at))) \(n(frame.y($0.value)))" }
        if series.points.count > 1, series.points.allSatisfy({ $0.low != nil && $0.high != nil }) {
            let upper = series.points.map { "\(n(frame.x($0.at))) \(n(frame.y($0.high ?? $0.value)))" }
            let lower = series.points.reversed().map { "\(n(frame.x($0.at))) \(n(frame.y($0.low ?? $0.value)))" }
            canvas.path("M" + (upper + lower).joined(separator: "L") + "Z", "band", attributes: "fill=\"currentColor\"")
        }
        if line.count > 1 {
            canvas.path("M" + line.joined(separator: "L"), "line", attributes: "stroke=\"currentColor\"")
        }
        for (index, point) in series.points.enumerated() {
            draw(point, isLast: index == series.points.count - 1, of: series.name, &canvas, frame)
        }
        canvas.close()
    }

    private func draw(
        _ point: Point, isLast: Bool, of name: String, _ canvas: inout SVGCanvas, _ frame: Frame
    ) {
        let n = SVGCanvas.number
        let x = frame.x(point.at)
        let note = point.note.isEmpty ? "" : ", \(point.note)"
        let title = "\(name): \(format(point.value))\(note), \(ISO8601.readable(point.at))"
        guard isLast else {
            canvas.dot(x, frame.y(point.value), radius: 7, "hit", title: title)
            return
        }
        if let low = point.low, let high = point.high {
            canvas.path(
                "M\(n(x)) \(n(frame.y(low)))V\(n(frame.y(high)))", "whisker", attributes: "stroke=\"currentColor\"")
        }
        canvas.dot(x, frame.y(point.value), radius: 4, "end", title: title, attributes: "fill=\"currentColor\"")
    }

    private func draw(_ mark: Mark, _ canvas: inout SVGCanvas, _ frame: Frame) {
        let y = frame.y(mark.value)
        let style = mark.isLimit ? "limit" : "goal"
        canvas.line(frame.left, y, frame.right, y, style)
        canvas.label(frame.left + 6, y - 6, mark.label, "\(style)-label")
    }
}
