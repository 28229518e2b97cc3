import FleetModel
import MQTTTransport

/// When to look at a broker, when to give it up and when to start it again: pure, so that it can be tested without one.
struct BrokerSupervision {
    enum Event {
        /// Time passed; does the process live?
        case looked(isAlive: Bool)
        case probed(answered: Bool)
        case launched(succeeded: Bool)
    }

    enum Action: Equatable {
        case probe
        /// It lives but does not answer: end it by force.
        case kill
        case launch
    }

    /// Between two questions to a healthy broker.
    static let probeInterval = Interval.seconds(10)
    /// Questions in a row without an answer until a broker counts as hung.
    static let patience = 3

    private var backoff: Backoff
    private var nextProbe: Instant
    private var nextLaunch: Instant?
    private var unanswered = 0

    init(policy: BackoffPolicy, seed: UInt64, now: Instant) {
        backoff = Backoff(policy: policy, seed: seed)
        nextProbe = now.advanced(by: Self.probeInterval)
    }

    mutating func handle(_ event: Event, at now: Instant) -> Action? {
        switch event {
        case .looked(isAlive: false):
            guard let due = nextLaunch else {
                nextLaunch = now.advanced(by: Interval(milliseconds: backoff.nextDelayMilliseconds()))
                return nil
            }
            return now >= due ? .launch : nil
        case .looked(isAlive: true):
            guard now >= nextProbe else { return nil }
            nextProbe = now.advanced(by: Self.probeInterval)
            return .probe
        case .probed(answered: true):
            unanswered = 0
            backoff.succeeded()
            return nil
        case .probed(answered: false):
            unanswered += 1
            // Ask again soon: a hung broker should not cost three intervals.
            nextProbe = now.advanced(by: .seconds(1))
            return unanswered >= Self.patience ? .kill : nil
        case .launched(let succeeded):
            unanswered = 0
            nextProbe = now.advanced(by: Self.probeInterval)
            nextLaunch =
                succeeded ? nil : now.advanced(by: Interval(milliseconds: backoff.nextDelayMilliseconds()))
            return nil
        }
    }
}
