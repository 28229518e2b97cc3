import Foundation

/// What the demo tells its audience: one line a step, and a bar while something counts up on a terminal.
final class Progress {
    private let isTerminal = isatty(STDOUT_FILENO) == 1
    private let start = ContinuousClock.now
    private var lastPlainLine = ""
    private var lastPlain = ContinuousClock.now
    private var barIsOpen = false
    private static let barWidth = 24
    /// On anything but a terminal a counter prints at most this often.
    private static let plainInterval = Duration.seconds(3)

    /// Seconds since the story began.
    var seconds: Double { (ContinuousClock.now - start).seconds }

    /// A line that stays.
    func say(_ text: String) {
        closeBar()
        print(String(format: "%6.1f s  ", seconds) + text)
        flush()
    }

    /// A line of explanation under the last one.
    func note(_ text: String) {
        closeBar()
        print("          \(text)")
        flush()
    }

    /// A counter: redrawn in place on a terminal, sometimes a plain line elsewhere.
    func count(_ label: String, _ done: Int, of total: Int) {
        let done = min(done, total)
        guard isTerminal else {
            let line = "\(label) \(done) of \(total)"
            guard line != lastPlainLine, ContinuousClock.now - lastPlain > Self.plainInterval || done == total else {
                return
            }
            lastPlainLine = line
            lastPlain = ContinuousClock.now
            say(line)
            return
        }
        let filled = total == 0 ? 0 : Self.barWidth * done / total
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.barWidth - filled)
        print(
            "\r\u{1B}[K" + String(format: "%6.1f s  ", seconds) + "\(bar) \(label) \(done) of \(total)", terminator: "")
        barIsOpen = true
        flush()
    }

    private func closeBar() {
        if barIsOpen { print("\r\u{1B}[K", terminator: "") }
        barIsOpen = false
    }

    private func flush() { fflush(nil) }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
