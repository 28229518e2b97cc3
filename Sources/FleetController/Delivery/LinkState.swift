import MQTTTransport
import Synchronization

/// Whether a link is connected, told by the loop's thread and asked from any.
final class LinkState: Sendable {
    private let connected = Mutex(false)

    var isConnected: Bool { connected.withLock { $0 } }
    func set(connected isConnected: Bool) { connected.withLock { $0 = isConnected } }
}

/// Wakes a loop: any number of calls while it works make it look once more.
final class Wakeup: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    func wake() { continuation.yield() }

    /// Runs `body` at every call of `wake`, and at least every `pause`, until the task is cancelled.
    func run(atLeastEvery pause: Duration, _ body: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    self.wake()
                    try? await Task.sleep(for: pause)
                }
            }
            group.addTask {
                for await _ in self.stream {
                    if Task.isCancelled { return }
                    await body()
                }
            }
        }
    }
}

/// The one answer to a publish: the broker's, or that nobody waits any more.
final class PublishAnswer: Sendable {
    private struct State {
        var continuation: CheckedContinuation<PublishResult, Never>?
        var early: PublishResult?
        var isGiven = false
    }

    private let state = Mutex(State())

    func wait(_ continuation: CheckedContinuation<PublishResult, Never>) {
        let early = state.withLock { state in
            if state.early == nil { state.continuation = continuation }
            return state.early
        }
        if let early { continuation.resume(returning: early) }
    }

    /// Only the first answer counts.
    func give(_ result: PublishResult) {
        let continuation = state.withLock { state -> CheckedContinuation<PublishResult, Never>? in
            guard !state.isGiven else { return nil }
            state.isGiven = true
            if state.continuation == nil { state.early = result }
            defer { state.continuation = nil }
            return state.continuation
        }
        continuation?.resume(returning: result)
    }
}
