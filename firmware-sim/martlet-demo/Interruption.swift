import Foundation
import Synchronization
import VirtualFleet

/// What Ctrl-C and SIGTERM do: the programs that the demo has started end in reverse order, then the demo.
final class Interruption: Sendable {
    static let shared = Interruption()

    private struct State {
        var children: [Int32] = []
        var isStoryOver = false
    }

    private let state = Mutex(State())
    /// Seconds that a child has to end.
    private static let patience = 10.0

    func add(child id: Int32) { state.withLock { $0.children.append(id) } }

    /// From now on an interruption is no failure.
    func storyIsOver() { state.withLock { $0.isStoryOver = true } }

    /// Waits for a signal, ends the children and exits.
    func watch() async -> Never {
        await Signals.termination()
        let state = state.withLock { $0 }
        for child in state.children.reversed() { Self.end(child) }
        exit(state.isStoryOver ? 0 : 130)
    }

    private static func end(_ child: Int32) {
        guard kill(child, SIGTERM) == 0 else { return }
        let limit = Date().addingTimeInterval(patience)
        while kill(child, 0) == 0, Date() < limit { usleep(20_000) }
    }
}
