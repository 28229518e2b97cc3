import FleetModel

/// Draws one frame as people should see it: readings over time, or grey levels.
enum FramePlot {
    /// Larger images are thinned to this many cells a side.
    static let imageSide = 96
    /// Height of a panel.
    private static let panelHeight = 170.0

    /// A time series: one panel for each unit, so that channels share an axis only if they can be compared.
    static func timeSeries(_ values: [Float], _ input: FrameDescription) -> String {
        let units = input.channels.reduce(into: [String]()) { if !$0.contains($1.unit) { $0.append($1.unit) } }
        let drawings = [(760.0, "wide"), (520.0, "middle"), (340.0, "narrow")].map { width, style in
            let height = Double(units.count) * panelHeight + 30
            let label = "\(input.channels.map(\.name).joined(separator: ", ")) over \(input.steps) readings"
            return SVGCanvas.document(width: width, height: height, style: style, label: label) { canvas in
                for (index, unit) in units.enumerated() {
                    let channels = input.channels.indices.filter { input.channels[$0].unit == unit }
                    panel(values, input, channels, top: Double(index) * panelHeight, width: width, &canvas)
                }
                timeAxis(input.steps, width: width, y: height - 18, &canvas)
            }
        }
        return drawings.joined()
    }

    private static func panel(
        _ values: [Float], _ input: FrameDescription, _ channels: [Int], top: Double, width: Double,
        _ canvas: inout SVGCanvas
    ) {
        let lines = channels.map { channel in
            (0..<input.steps).map { step in
                let index = step * input.width + channel
                return index < values.count && values[index].isFinite ? Double(values[index]) : 0
            }
        }
        let all = lines.flatMap { $0 }
        let axis = Axis(covering: all.min() ?? 0, all.max() ?? 1, count: 3)
        let left = 52.0
        let right = width - 12
        let bottom = top + panelHeight - 14
        let y = { (value: Double) in
            bottom - (value - axis.minimum) / (axis.maximum - axis.minimum) * (panelHeight - 40)
        }
        let unit = input.channels[channels[0]].unit
        let names = channels.map { input.channels[$0].name }.joined(separator: ", ")
        canvas.label(0, top + 12, unit.isEmpty ? names : "\(names) in \(unit)", "title")
        for tick in axis.ticks {
            canvas.line(left, y(tick), right, y(tick), "grid-line")
            canvas.label(left - 8, y(tick) + 4, Format.decimal(tick, axis.places), anchor: "end")
        }
        let n = SVGCanvas.number
        let stepWidth = (right - left) / Double(max(1, input.steps - 1))
        for (channel, line) in zip(channels, lines) {
            let points = line.enumerated().map { "\(n(left + Double($0) * stepWidth)) \(n(y($1)))" }
            canvas.open(group: "s\(channel % 8)")
            canvas.path("M" + points.joined(separator: "L"), "line", attributes: "stroke=\"currentColor\"")
            canvas.close()
        }
    }

    private static func timeAxis(_ steps: Int, width: Double, y: Double, _ canvas: inout SVGCanvas) {
        let left = 52.0
        let right = width - 12
        let last = Double(max(1, steps - 1))
        canvas.line(left, y - 8, right, y - 8, "axis")
        for tick in Axis(covering: 0, last, count: 5).ticks where tick / last * (right - left) < right - left - 66 {
            canvas.label(left + tick / last * (right - left), y + 10, Format.decimal(tick, 0), anchor: "middle")
        }
        canvas.label(right, y + 10, "reading", anchor: "end", "title")
    }

    /// An image: grey levels, the smallest value black and the largest white.
    static func image(_ values: [Float], _ input: FrameDescription) -> String {
        let height = max(1, input.steps)
        let width = max(1, input.width)
        let stride = max(1, (max(height, width) + imageSide - 1) / imageSide)
        let finite = values.filter(\.isFinite)
        let low = finite.min() ?? 0
        let span = max(1e-9, (finite.max() ?? 1) - low)
        return SVGCanvas.document(
            width: Double((width + stride - 1) / stride), height: Double((height + stride - 1) / stride),
            style: "pixels", label: "Image of \(width) × \(height) pixels"
        ) { canvas in
            for row in Swift.stride(from: 0, to: height, by: stride) {
                for column in Swift.stride(from: 0, to: width, by: stride) {
                    let index = row * width + column
                    guard index < values.count, values[index].isFinite else { continue }
                    let level = Int((values[index] - low) / span * 255)
                    canvas.rectangle(
                        Double(column / stride), Double(row / stride), 1, 1,
                        attributes: "fill=\"rgb(\(level),\(level),\(level))\"")
                }
            }
        }
    }
}
