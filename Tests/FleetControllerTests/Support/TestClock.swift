import FleetModel
import Synchronization

/// A wall clock that only tests move.
final class TestClock: Sendable {
    private let current = Mutex(Instant(milliseconds: 1_800_000_000_000))

    var now: Instant { current.withLock { $0 } }
    func advance(_ interval: Interval) { current.withLock { $0 = $0.advanced(by: interval) } }
}
