/// Lays the windows of a convolution out as rows, so that a convolution becomes one matrix product ("im2col":
/// K. Chellapilla, S. Puri, P. Simard, 2006), and adds them back. Channels lie innermost, so a row of a window is one
/// run of memory.
enum Windows {
    /// Rows of `layer.inner` values, one for each output position of each frame; zeros outside the frame.
    static func gather(
        _ x: UnsafePointer<Float>, _ window: Window, _ layer: PlannedLayer, frames: Int,
        into rows: UnsafeMutablePointer<Float>
    ) {
        let input = layer.input
        let run = window.kernelWidth * input.channels
        forEachRun(window, layer, frames: frames) { frame, row, kernelRow, line, start in
            let target = rows + row * layer.inner + kernelRow * run
            guard line >= 0, line < input.height else {
                target.update(repeating: 0, count: run)
                return
            }
            let first = max(start, 0)
            let last = min(start + window.kernelWidth, input.width)
            let source = x + (frame * input.height + line) * input.width * input.channels
            if first > start { target.update(repeating: 0, count: (first - start) * input.channels) }
            let count = max(last - first, 0) * input.channels
            (target + (first - start) * input.channels).update(from: source + first * input.channels, count: count)
            let rest = (start + window.kernelWidth - last) * input.channels
            if rest > 0 { (target + run - rest).update(repeating: 0, count: rest) }
        }
    }

    /// Adds every row's values back to where they came from.
    static func scatter(
        _ rows: UnsafePointer<Float>, _ window: Window, _ layer: PlannedLayer, frames: Int,
        into x: UnsafeMutablePointer<Float>
    ) {
        let input = layer.input
        let run = window.kernelWidth * input.channels
        forEachRun(window, layer, frames: frames) { frame, row, kernelRow, line, start in
            guard line >= 0, line < input.height else { return }
            let first = max(start, 0)
            let last = min(start + window.kernelWidth, input.width)
            let target = x + ((frame * input.height + line) * input.width + first) * input.channels
            let source = rows + row * layer.inner + kernelRow * run + (first - start) * input.channels
            for index in 0..<max(last - first, 0) * input.channels { target[index] += source[index] }
        }
    }

    @inline(__always)
    private static func forEachRun(
        _ window: Window, _ layer: PlannedLayer, frames: Int,
        _ body: (_ frame: Int, _ row: Int, _ kernelRow: Int, _ line: Int, _ start: Int) -> Void
    ) {
        var row = 0
        for frame in 0..<frames {
            for y in 0..<layer.output.height {
                for x in 0..<layer.output.width {
                    let start = x * window.strideWidth - window.padWidth
                    for kernelRow in 0..<window.kernelHeight {
                        body(frame, row, kernelRow, y * window.strideHeight - window.padHeight + kernelRow, start)
                    }
                    row += 1
                }
            }
        }
    }
}
