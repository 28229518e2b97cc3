/// Writes SVG elements; colours and strokes come from console.css by class, so that both themes work.
struct SVGCanvas {
    private(set) var text = ""

    /// One decimal is a tenth of a pixel: enough.
    static func number(_ value: Double) -> String {
        let scaled = (value * 10).rounded()
        guard scaled.isFinite, scaled.magnitude < 1e9 else { return "0" }
        let whole = Int(scaled)
        return whole % 10 == 0 ? String(whole / 10) : String(Double(whole) / 10)
    }

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) {
        let n = Self.number
        text += "<line class=\"\(style)\" x1=\"\(n(x1))\" y1=\"\(n(y1))\" x2=\"\(n(x2))\" y2=\"\(n(y2))\"/>"
    }

    mutating func label(_ x: Double, _ y: Double, _ content: String, anchor: String = "start", _ style: String = "") {
        let n = Self.number
        let classes = style.isEmpty ? "" : " class=\"\(style)\""
        text += "<text\(classes) x=\"\(n(x))\" y=\"\(n(y))\" text-anchor=\"\(anchor)\">\(HTML.escape(content))</text>"
    }

    mutating func path(_ data: String, _ style: String, attributes: String = "") {
        text += "<path class=\"\(style)\" d=\"\(data)\" \(attributes)/>"
    }

    mutating func dot(
        _ x: Double, _ y: Double, radius: Double, _ style: String, title: String, attributes: String = ""
    ) {
        let n = Self.number
        text += "<circle class=\"\(style)\" cx=\"\(n(x))\" cy=\"\(n(y))\" r=\"\(n(radius))\" \(attributes)>"
        text += "<title>\(HTML.escape(title))</title></circle>"
    }

    mutating func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, attributes: String) {
        let n = Self.number
        text += "<rect x=\"\(n(x))\" y=\"\(n(y))\" width=\"\(n(width))\" height=\"\(n(height))\" \(attributes)/>"
    }

    mutating func open(group style: String) { text += "<g class=\"\(style)\">" }
    mutating func close() { text += "</g>" }

    /// The whole drawing.
    static func document(
        width: Double, height: Double, style: String, label: String, draw: (inout SVGCanvas) -> Void
    ) -> String {
        var canvas = SVGCanvas()
        draw(&canvas)
        let box = "0 0 \(number(width)) \(number(height))"
        return "<svg class=\"\(style)\" viewBox=\"\(box)\" role=\"img\" aria-label=\"\(HTML.escape(label))\">"
            + canvas.text + "</svg>"
    }
}
