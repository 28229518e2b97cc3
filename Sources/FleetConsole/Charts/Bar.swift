/// A share as a horizontal bar.
enum Bar {
    struct Part: Hashable {
        /// Of the whole, 0...1.
        var share: Double
        /// `done`, `busy` or `bad`.
        var style: String
    }

    /// Parts side by side over a track.
    static func svg(_ parts: [Part], label: String) -> String {
        var canvas = SVGCanvas()
        canvas.rectangle(0, 0, 100, 8, attributes: "class=\"track\"")
        var x = 0.0
        for part in parts where part.share > 0 {
            let width = min(100 - x, part.share * 100)
            canvas.rectangle(x, 0, width, 8, attributes: "class=\"\(part.style)\"")
            x += width
        }
        return "<svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" role=\"img\" "
            + "aria-label=\"\(HTML.escape(label))\">\(canvas.text)</svg>"
    }

    /// A value against a limit: the track ends at twice the limit or at the value.
    static func against(limit: Double, value: Double, label: String) -> String {
        let whole = max(2 * limit, value)
        guard whole > 0 else { return svg([], label: label) }
        return svg([Part(share: value / whole, style: value > limit ? "bad" : "done")], label: label)
    }
}
