/// Draws a plan as SVG 1.1: the steps with their times on top of one another, and beside them the arena, where a
/// tensor is a rectangle over the steps during which its bytes are in use.
public struct PlanDrawing {
    /// Steps that are drawn, at most: further ones would be thinner than a line.
    public static let stepLimit = 400

    private let plan: ModelPlan
    private let rowHeight = 18
    private let top = 64
    private let tableWidth = 620
    private let arenaWidth = 640
    private let margin = 16

    /// A drawing of `plan`.
    public init(_ plan: ModelPlan) { self.plan = plan }

    private var stepCount: Int { min(plan.steps.count, Self.stepLimit) }
    private var height: Int { top + (stepCount + 2) * rowHeight + 40 }
    private var width: Int { tableWidth + arenaWidth + 2 * margin }
    private var arenaLeft: Int { tableWidth + margin }

    /// The file's text.
    public var svg: String {
        var lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width)\" height=\"\(height)\" "
                + "viewBox=\"0 0 \(width) \(height)\" font-family=\"system-ui, sans-serif\" font-size=\"11\">",
            "<rect width=\"\(width)\" height=\"\(height)\" fill=\"#ffffff\"/>",
        ]
        lines += heading
        lines += stepLines
        lines += arenaLines
        lines += legend
        lines.append("</svg>")
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: Steps

    private var heading: [String] {
        let time = plan.microseconds.map { ", \(PlanTable.number($0)) µs (\(plan.instructionSet))" } ?? ""
        let inputs = plan.inputs.map { "\($0.name) \($0.shape)" }.joined(separator: ", ")
        let outputs = plan.outputs.map { "\($0.name) \($0.shape)" }.joined(separator: ", ")
        return [
            text(margin, 24, "\(shortened(inputs, 60)) → \(shortened(outputs, 60))", size: 14, weight: "600"),
            text(
                margin, 44,
                "\(plan.steps.count) steps\(time), arena \(plan.arenaBytes) bytes "
                    + "(\(plan.arenaLowerBound) in use at once), weights \(plan.weightBytes) bytes", fill: "#555555"),
        ]
    }

    private var stepLines: [String] {
        let longest = plan.steps.prefix(stepCount).compactMap(\.microseconds).max() ?? 0
        return plan.steps.prefix(stepCount).enumerated().flatMap { index, step -> [String] in
            let y = row(index)
            var lines: [String] = []
            if let time = step.microseconds, longest > 0 {
                let bar = max(1, Int(time / longest * 130))
                lines.append(rectangle(430, y + 3, bar, rowHeight - 6, fill: "#8fb4dd"))
                lines.append(text(434, y + 13, "\(PlanTable.number(time)) µs"))
            }
            let activation = step.activation.map { " + \($0)" } ?? ""
            lines.append(text(margin, y + 13, "\(index)", fill: "#777777"))
            lines.append(text(margin + 32, y + 13, shortened(step.operation + activation, 26), weight: "600"))
            lines.append(text(200, y + 13, "\(step.outputShape)"))
            lines.append(text(310, y + 13, shortened(step.name, 18), fill: "#777777", title: step.name))
            return lines
        }
    }

    private func row(_ index: Int) -> Int { top + (index + 1) * rowHeight }

    // MARK: Arena

    /// Left to right: bytes of the arena. Top to bottom: steps, beside the table's rows.
    private var arenaLines: [String] {
        var lines = [
            rectangle(arenaLeft, top, arenaWidth, (stepCount + 2) * rowHeight, fill: "#f4f4f4"),
            text(arenaLeft, top - 6, "arena: 0", fill: "#555555"),
            text(arenaLeft + arenaWidth, top - 6, "\(plan.arenaBytes) bytes", fill: "#555555", anchor: "end"),
        ]
        for place in plan.arena where place.firstStep < stepCount {
            let left = arenaLeft + position(place.offset)
            let right = arenaLeft + position(place.offset + place.bytes)
            let first = top + (place.firstStep + 1) * rowHeight
            let last = top + (min(place.lastStep, stepCount) + 2) * rowHeight
            let wide = max(2, right - left)
            let label = "\(place.name): \(place.type) \(place.shape), \(place.bytes) bytes at \(place.offset)"
            lines.append(
                rectangle(
                    left, first + 1, wide, last - first - 2, fill: Self.colour(place.kind), stroke: "#ffffff",
                    title: label))
            if wide > 60 { lines.append(text(left + 4, first + 13, shortened(place.name, wide / 7))) }
        }
        return lines
    }

    private func position(_ offset: Int) -> Int {
        plan.arenaBytes == 0 ? 0 : Int(Double(offset) / Double(plan.arenaBytes) * Double(arenaWidth))
    }

    private var legend: [String] {
        var x = arenaLeft
        return ["input", "intermediate", "scratch", "output"].flatMap { kind -> [String] in
            defer { x += 100 }
            return [
                rectangle(x, height - 26, 12, 12, fill: Self.colour(kind)), text(x + 18, height - 16, kind),
            ]
        }
    }

    private static func colour(_ kind: String) -> String {
        switch kind {
        case "input": "#9bd3ae"
        case "output": "#f3c583"
        case "scratch": "#c9b3dd"
        default: "#8fb4dd"
        }
    }

    // MARK: Elements

    private func text(
        _ x: Int, _ y: Int, _ content: String, size: Int = 11, weight: String = "400", fill: String = "#111111",
        anchor: String = "start", title: String? = nil
    ) -> String {
        "<text x=\"\(x)\" y=\"\(y)\" font-size=\"\(size)\" font-weight=\"\(weight)\" fill=\"\(fill)\" "
            + "text-anchor=\"\(anchor)\">\(escaped(content))\(title.map { "<title>\(escaped($0))</title>" } ?? "")</text>"
    }

    private func rectangle(
        _ x: Int, _ y: Int, _ width: Int, _ height: Int, fill: String, stroke: String = "none", title: String? = nil
    ) -> String {
        "<rect x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\" fill=\"\(fill)\" stroke=\"\(stroke)\">"
            + "\(title.map { "<title>\(escaped($0))</title>" } ?? "")</rect>"
    }

    private func shortened(_ text: String, _ count: Int) -> String {
        text.count <= count ? text : "…" + text.suffix(max(count - 1, 1))
    }

    /// Text as XML has it; characters that XML 1.0 forbids become a space.
    private func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
