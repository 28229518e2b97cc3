import Synchronization

/// "Look again at this": what the console's live pages and `GET /events` get.
public struct ChangeEvent: Hashable, Sendable {
    /// What changed.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case device, model, release, rollout, report, sample, annotation, dataset, training, policy, alert, webhook
        case drift, accuracy, audit, token
    }

    public var kind: Kind
    /// Which one: an id or a name.
    public var subject: String

    public init(_ kind: Kind, _ subject: some CustomStringConvertible) {
        self.kind = kind
        self.subject = subject.description
    }
}

/// Fans change events out to any number of bounded streams. Publishing never waits.
public final class EventHub: Sendable {
    private struct State {
        var next = 0
        var subscribers: [Int: AsyncStream<ChangeEvent>.Continuation] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    /// A stream of what changes from now on; it ends when the hub or the reader lets go.
    public func subscribe() -> AsyncStream<ChangeEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ChangeEvent.self, bufferingPolicy: .bufferingNewest(ControllerLimits.eventBacklog))
        let id = state.withLock { state -> Int? in
            guard state.subscribers.count < ControllerLimits.eventSubscribers else { return nil }
            state.next += 1
            state.subscribers[state.next] = continuation
            return state.next
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { $0.subscribers[id] = nil }
        }
        return stream
    }

    /// Tells all subscribers.
    public func publish(_ event: ChangeEvent) {
        let subscribers = state.withLock { Array($0.subscribers.values) }
        for subscriber in subscribers { subscriber.yield(event) }
    }

    /// Ends all streams.
    public func finish() {
        let subscribers = state.withLock { state in
            defer { state.subscribers = [:] }
            return Array(state.subscribers.values)
        }
        for subscriber in subscribers { subscriber.finish() }
    }
}
