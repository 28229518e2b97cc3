/// The life of one client's connection as a pure state machine: no socket, no clock, no randomness but its seed.
///
/// `idle → waiting → opening → connected → (lost) → pausing → waiting …`; on request `connected → closing → leaving →
/// idle`, and from anywhere else straight to `idle`.
struct ConnectionMachine: Sendable {
    enum Phase: Equatable, Sendable {
        /// Told to stay away, or never told to connect.
        case idle
        /// Waits for a place among the loop's handshakes.
        case waiting
        /// TCP, TLS and CONNECT are under way.
        case opening
        case connected
        /// Sends what waits, until the outbox is empty or the deadline has come.
        case closing
        /// The goodbye is on its way.
        case leaving
        /// Waits out the backoff.
        case pausing
    }

    enum Event: Sendable {
        case connect
        case handshakeGranted
        case accepted(sessionPresent: Bool)
        case ended(reason: String, cause: Cause)
        case pauseOver
        /// The application is done. `now`: without waiting for the outbox.
        case disconnect(now: Bool)
        case drained
    }

    /// What an ended connection says about the broker.
    enum Cause: Equatable, Sendable {
        /// Nothing: network, TLS, timeout, or a connection that had worked.
        case transport
        /// It does not speak this version of MQTT.
        case versionRefused
        /// It hung up without an answer to CONNECT, as some 3.1.1 brokers do when they see MQTT 5.
        case closedUnanswered
    }

    enum Action: Equatable, Sendable {
        case enterHandshake
        case leaveHandshake
        /// Dial, with MQTT 5 or 3.1.1.
        case open(protocolLevel: Int)
        /// Drop the socket without a word.
        case abandon
        case startDraining
        case sendDisconnect
        case pause(milliseconds: Int64)
        case cancelPause
        case reportConnected(sessionPresent: Bool)
        case reportDisconnected(reason: String, retryMilliseconds: Int64?)
    }

    private(set) var phase = Phase.idle
    /// 5, or 4 for MQTT 3.1.1.
    private(set) var protocolLevel: Int
    private(set) var backoff: Backoff
    private let fallsBack: Bool
    /// A broker accepted `protocolLevel` once: silence no longer means "wrong version".
    private var settled = false
    /// `connect` came while the goodbye of the connection before was on its way.
    private var returnsAfterLeaving = false

    init(version: MQTTProtocol, backoff: BackoffPolicy, seed: UInt64) {
        fallsBack = version == .v5WithFallback
        protocolLevel = version == .v5WithFallback ? 5 : 4
        self.backoff = Backoff(policy: backoff, seed: seed)
    }

    mutating func handle(_ event: Event) -> [Action] {
        switch (event, phase) {
        case (.connect, .idle):
            phase = .waiting
            return [.enterHandshake]
        case (.connect, .closing):
            phase = .connected
            return []
        case (.connect, .leaving):
            returnsAfterLeaving = true
            return []
        case (.handshakeGranted, .waiting):
            phase = .opening
            return [.open(protocolLevel: protocolLevel)]
        case (.handshakeGranted, _):
            return [.leaveHandshake]
        case (.accepted(let sessionPresent), .opening):
            phase = .connected
            settled = true
            backoff.succeeded()
            return [.leaveHandshake, .reportConnected(sessionPresent: sessionPresent)]
        case (.ended(let reason, let cause), .opening):
            return [.leaveHandshake] + failedToOpen(reason: reason, cause: cause)
        case (.ended(let reason, _), .connected):
            return retry(reason: reason)
        case (.ended, .closing), (.ended, .leaving):
            return left()
        case (.pauseOver, .pausing):
            phase = .waiting
            return [.enterHandshake]
        case (.disconnect(let now), _):
            return disconnect(now: now)
        case (.drained, .closing):
            phase = .leaving
            return [.sendDisconnect]
        default:
            return []
        }
    }

    private mutating func failedToOpen(reason: String, cause: Cause) -> [Action] {
        guard fallsBack, cause == .versionRefused || (cause == .closedUnanswered && !settled) else {
            return retry(reason: reason)
        }
        settled = false
        if protocolLevel == 5 {
            // The same broker, at once, in the older language: this is not the network's fault.
            protocolLevel = 4
            phase = .waiting
            return [.enterHandshake]
        }
        protocolLevel = 5
        return retry(reason: reason)
    }

    private mutating func retry(reason: String) -> [Action] {
        phase = .pausing
        let delay = backoff.nextDelayMilliseconds()
        return [.reportDisconnected(reason: reason, retryMilliseconds: delay), .pause(milliseconds: delay)]
    }

    private mutating func left() -> [Action] {
        guard returnsAfterLeaving else {
            phase = .idle
            return [Self.farewell]
        }
        returnsAfterLeaving = false
        phase = .waiting
        return [Self.farewell, .enterHandshake]
    }

    private static let farewell = Action.reportDisconnected(reason: "closed by this client", retryMilliseconds: nil)

    private mutating func disconnect(now: Bool) -> [Action] {
        let report = Self.farewell
        switch phase {
        case .idle:
            return []
        case .waiting:
            phase = .idle
            return [report]
        case .opening:
            phase = .idle
            return [.abandon, .leaveHandshake, report]
        case .pausing:
            phase = .idle
            return [.cancelPause, report]
        case .connected, .closing:
            phase = now ? .leaving : .closing
            return [now ? .sendDisconnect : .startDraining]
        case .leaving:
            returnsAfterLeaving = false
            return []
        }
    }
}
