import Synchronization

/// Runs something the first time only.
final class Once: Sendable {
    private let work: @Sendable () -> Void
    private let hasRun = Mutex(false)

    init(_ work: @escaping @Sendable () -> Void) { self.work = work }

    func run() {
        let isFirst = hasRun.withLock { hasRun in
            defer { hasRun = true }
            return !hasRun
        }
        if isFirst { work() }
    }
}
