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
