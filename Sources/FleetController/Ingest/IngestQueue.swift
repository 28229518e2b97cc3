import Synchronization

/// The bounded hand-off from the broker's loop, which must not wait, to the database, which may take a while.
final class IngestQueue: Sendable {
    private struct State {
        var messages: [IngestMessage] = []
        var bytes = 0
        var dropped = 0
        var isClosed = false
        var waiter: CheckedContinuation<Void, Never>?

        mutating func takeWaiter() -> CheckedContinuation<Void, Never>? {
            defer { waiter = nil }
            return waiter
        }
    }

    private let state = Mutex(State())

    /// Adds a message at the end.
    ///
    /// - Returns: false if there is no room; the message is dropped and counted.
    @discardableResult
    func push(_ message: IngestMessage) -> Bool {
        let (fits, waiter) = state.withLock { state -> (Bool, CheckedContinuation<Void, Never>?) in
            guard !state.isClosed, state.messages.count < IngestLimits.queuedMessages,
                state.bytes + message.payload.count <= IngestLimits.queuedBytes
            else {
                state.dropped += 1
                return (false, nil)
            }
            state.messages.append(message)
            state.bytes += message.payload.count
            return (true, state.takeWaiter())
        }
        waiter?.resume()
        return fits
    }

    /// Waits until something is in it, it was closed or the task was cancelled. One reader at a time.
    func waitForMessages() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state -> Bool in
                    if !state.messages.isEmpty || state.isClosed || Task.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.takeWaiter() }?.resume()
        }
    }

    /// Takes up to `limit` messages from the front.
    func drain(limit: Int) -> [IngestMessage] {
        state.withLock { state in
            let taken = Array(state.messages.prefix(limit))
            state.messages.removeFirst(taken.count)
            state.bytes -= taken.reduce(0) { $0 + $1.payload.count }
            return taken
        }
    }

    /// Messages that wait.
    var count: Int { state.withLock { $0.messages.count } }

    /// How many were dropped since it was last asked.
    func takeDropped() -> Int {
        state.withLock { state in
            defer { state.dropped = 0 }
            return state.dropped
        }
    }

    /// Takes nothing more and wakes the reader.
    func close() {
        let waiter = state.withLock { state in
            state.isClosed = true
            return state.takeWaiter()
        }
        waiter?.resume()
    }
}
