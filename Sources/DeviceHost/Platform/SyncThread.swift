import Glibc
import Synchronization

/// One thread for what waits on the disk: a sync takes seconds on a slow one, in which the loop has messages to take and
/// frames to answer. It lives while there is work, of which there is as much as there are pulls.
final class SyncThread: Sendable {
    typealias Work = @Sendable () -> Void

    static let shared = SyncThread()

    private struct State {
        var work: [Work] = []
        var isRunning = false
    }

    private let state = Mutex(State())

    /// Runs `work` after what was handed over before; here and now if there can be no thread.
    func perform(_ work: @escaping Work) {
        let isIdle = state.withLock { state in
            state.work.append(work)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if isIdle, !start() { drain() }
    }

    private func start() -> Bool {
        var thread = pthread_t()
        let body: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { _ in
            SyncThread.shared.drain()
            return nil
        }
        guard pthread_create(&thread, nil, body, nil) == 0 else { return false }
        pthread_detach(thread)
        return true
    }

    private func drain() {
        while let batch = takeWork() { for item in batch { item() } }
    }

    private func takeWork() -> [Work]? {
        state.withLock { state in
            defer { state.work = [] }
            state.isRunning = !state.work.isEmpty
            return state.isRunning ? state.work : nil
        }
    }
}
