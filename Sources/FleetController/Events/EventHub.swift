import Synchronization

/// "Look again at this": what the console's live pages and `GET /events` get.
public struct ChangeEvent: Hashable, Sendable {
    /// What changed.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case device, model, release, rollout, report, sample, log, annotation, dataset, training, policy, alert
        case webhook, drift, accuracy, audit, token
    }

    public var kind: Kind
    /// Which one: an id or a name.
    public var subject: String

    public init(_ kind: Kind, _ subject: some CustomStringConvertible) {
        self.kind = kind
        self.subject = subject.description
    }
}

/// What a subscriber reads.
public enum EventNotice: Hashable, Sendable {
    case change(ChangeEvent)
    /// Nothing changed; the reader is only to show that it is there.
    case beat
}

/// A subscriber's own bounded queue.
public struct EventSubscription: Sendable {
    /// What changes, as it changes; it ends when the hub or the reader lets go.
    public let notices: AsyncStream<EventNotice>
    private let subscriber: EventSubscriber

    init(_ notices: AsyncStream<EventNotice>, _ subscriber: EventSubscriber) {
        self.notices = notices
        self.subscriber = subscriber
    }

    /// Puts a beat into the queue, unless it is full: then there is enough to read.
    public func beat() { subscriber.continuation.yield(.beat) }

    /// Whether events were lost since this was asked last, because the reader was too slow: it should then look at
    /// everything again.
    public func takeLoss() -> Bool { subscriber.loss.take() }
}

/// Where a subscription's events come in.
struct EventSubscriber: Sendable {
    let continuation: AsyncStream<EventNotice>.Continuation
    let loss = LossFlag()
    let isWanted: @Sendable (ChangeEvent) -> Bool
}

/// Set when something was lost, cleared when that was told.
final class LossFlag: Sendable {
    private let isSet = Atomic(false)

    func raise() { isSet.store(true, ordering: .releasing) }
    func take() -> Bool { isSet.exchange(false, ordering: .acquiringAndReleasing) }
}

/// Fans change events out to any number of bounded streams. Publishing never waits.
public final class EventHub: Sendable {
    private struct State {
        var next = 0
        var subscribers: [Int: EventSubscriber] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    /// A subscription to what changes from now on. At most `ControllerLimits.eventBacklog` events wait for its reader;
    /// what comes while they do is lost, and `takeLoss` says so.
    ///
    /// - Parameter isWanted: other events do not count.
    public func subscribe(
        where isWanted: @escaping @Sendable (ChangeEvent) -> Bool = { _ in true }
    ) -> EventSubscription {
        let (stream, continuation) = AsyncStream.makeStream(
            of: EventNotice.self, bufferingPolicy: .bufferingOldest(ControllerLimits.eventBacklog))
        let subscriber = EventSubscriber(continuation: continuation, isWanted: isWanted)
        let id = state.withLock { state -> Int? in
            guard state.subscribers.count < ControllerLimits.eventSubscribers else { return nil }
            state.next += 1
            state.subscribers[state.next] = subscriber
            return state.next
        }
        let subscription = EventSubscription(stream, subscriber)
        guard let id else {
            continuation.finish()
            return subscription
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { $0.subscribers[id] = nil }
        }
        return subscription
    }

    /// Tells all subscribers.
    public func publish(_ event: ChangeEvent) {
        let subscribers = state.withLock { Array($0.subscribers.values) }
        for subscriber in subscribers where subscriber.isWanted(event) {
            if case .dropped = subscriber.continuation.yield(.change(event)) { subscriber.loss.raise() }
        }
    }

    /// Ends all streams.
    public func finish() {
        let subscribers = state.withLock { state in
            defer { state.subscribers = [:] }
            return Array(state.subscribers.values)
        }
        for subscriber in subscribers { subscriber.continuation.finish() }
    }
}
