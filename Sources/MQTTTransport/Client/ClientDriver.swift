internal import CMosquitto
import FleetCrypto
import Glibc
import Synchronization

/// Performs on libmosquitto what a `ConnectionMachine` and an `Outbox` decide, and tells them what happened.
///
/// `@unchecked Sendable`: `shared` is behind a mutex, `configuration`, `handler` and `core` never change, and all else
/// belongs to the loop's thread alone (while `isDialling`, the client handle belongs to the dialling thread).
///
/// No method of the library is called inside one of its callbacks: they note what happened, and `afterCall` acts on it.
final class ClientDriver: @unchecked Sendable {
    /// What publishers on other threads touch.
    struct Shared {
        var outbox: Outbox
        var statistics = MQTTStatistics()
        var pumpRequested = false
        var isDestroyed = false
    }

    /// TLS with a key that a provider of OpenSSL holds.
    struct Token {
        let tls: ClientTLS
        let key: KeyLocation
        /// For the next connection.
        var certificateFile: String
    }

    let configuration: MQTTConfiguration
    let core: LoopCore
    let handler: @Sendable (MQTTEvent) -> Void
    let shared: Mutex<Shared>
    /// The library's last complaint: it names the file or the certificate, where the error code says only "TLS".
    let complaint = Mutex<String?>(nil)

    // MARK: Confined to the loop's thread

    var will: MQTTWill?
    var token: Token?
    var machine: ConnectionMachine
    var mosquitto: OpaquePointer?
    var isDialling = false
    var source: (token: UInt64, fd: Int32, interest: Readiness)?
    var timer: TimerID?
    var subscriptions: [String: QoS] = [:]
    var pendingSubscriptions: [Int32: String] = [:]
    var inFlight = InFlightTable()
    var isTransportOpen = false
    var wasAccepted = false
    var needsSubscribing = false
    var endReason: String?
    var endCause: ConnectionMachine.Cause?
    /// The broker answered CONNECT, and does not want this client.
    var isUnwelcome = false

    init(
        core: LoopCore, configuration: MQTTConfiguration, handler: @escaping @Sendable (MQTTEvent) -> Void
    ) throws(MQTTError) {
        self.core = core
        self.configuration = configuration
        self.handler = handler
        will = configuration.will
        machine = ConnectionMachine(
            version: configuration.version, backoff: configuration.backoff, seed: configuration.seed)
        shared = Mutex(Shared(outbox: Outbox(limits: configuration.outbox)))
        mosquitto = try makeHandle()
    }

    deinit { releaseHandle() }

    // MARK: From any thread

    var statistics: MQTTStatistics {
        shared.withLock { shared in
            var statistics = shared.statistics
            statistics.queuedMessages = shared.outbox.count
            statistics.queuedBytes = shared.outbox.bytes
            return statistics
        }
    }

    func enqueue(_ message: OutgoingMessage) {
        let (dropped, mustPump) = shared.withLock { shared -> ([(OutgoingMessage, PublishResult.DropReason)], Bool) in
            if shared.isDestroyed { return ([(message, .closed)], false) }
            var dropped: [(OutgoingMessage, PublishResult.DropReason)] = []
            switch shared.outbox.append(message) {
            case .queued(let displaced): dropped = displaced.map { ($0, .displaced) }
            case .refused: dropped = [(message, .outboxFull)]
            }
            shared.statistics.dropped += dropped.count
            return (dropped, true)
        }
        for (message, reason) in dropped {
            guard let completion = message.completion else { continue }
            // Only a stopped loop refuses work; then nothing can run beside this completion.
            if !core.perform({ completion(.dropped(reason)) }) { completion(.dropped(reason)) }
        }
        if mustPump { requestPump() }
    }

    /// Has the loop look at the outbox soon, at most once for any number of requests.
    func requestPump() {
        let isFirst = shared.withLock { shared in
            defer { shared.pumpRequested = true }
            return !shared.pumpRequested
        }
        guard isFirst else { return }
        core.perform { [self] in
            shared.withLock { $0.pumpRequested = false }
            afterCall()
        }
    }

    // MARK: The machine

    func handle(_ event: ConnectionMachine.Event) {
        for action in machine.handle(event) { perform(action) }
    }

    func perform(_ action: ConnectionMachine.Action) {
        switch action {
        case .enterHandshake:
            if core.handshakes.enter(ObjectIdentifier(self)) { handle(.handshakeGranted) }
        case .leaveHandshake:
            core.leaveHandshake()
        case .open(let protocolLevel):
            dial(protocolLevel: protocolLevel)
        case .abandon:
            stopTimer()
            abandon()
        case .startDraining:
            afterCall()
        case .sendDisconnect:
            sayGoodbye()
        case .pause(let milliseconds):
            startTimer(milliseconds) { $0.handle(.pauseOver) }
        case .cancelPause:
            stopTimer()
        case .reportConnected(let sessionPresent):
            stopTimer()
            shared.withLock { shared in
                shared.statistics.connections += 1
                shared.statistics.protocolLevel = machine.protocolLevel
            }
            needsSubscribing = true
            handler(.connected(sessionPresent: sessionPresent))
        case .reportDisconnected(let reason, let retry):
            shared.withLock { $0.statistics.protocolLevel = 0 }
            handler(.disconnected(reason: reason, willRetryInMilliseconds: retry))
        }
    }

    /// The place among the handshakes is ours. False: it is not wanted any more.
    func handshakeGranted() -> Bool {
        guard machine.phase == .waiting else { return false }
        handle(.handshakeGranted)
        return true
    }

    // MARK: Requests of the application

    func subscribe(_ filters: [String], qos: QoS) {
        for filter in filters {
            subscriptions[filter] = qos
            if isOnline { sendSubscribe(filter, qos: qos) }
        }
        afterCall()
    }

    func unsubscribe(_ filters: [String]) {
        for filter in filters where subscriptions.removeValue(forKey: filter) != nil {
            guard isOnline, let mosquitto else { continue }
            _ = mosquitto_unsubscribe(mosquitto, nil, filter)
        }
        afterCall()
    }

    func disconnect(flushMilliseconds: Int64) {
        handle(.disconnect(now: flushMilliseconds <= 0))
        guard machine.phase == .closing else { return }
        startTimer(max(1, flushMilliseconds)) { driver in
            driver.handle(.disconnect(now: true))
        }
    }

    /// The end: frees the library's handle and answers every message that is still open.
    func destroy() {
        guard core.drivers.removeValue(forKey: ObjectIdentifier(self)) != nil else { return }
        let left = shared.withLock { shared in
            shared.isDestroyed = true
            return shared.outbox.removeAll()
        }
        stopTimer()
        if machine.phase == .opening { core.leaveHandshake() }
        dropSource(closed: false)
        for message in left { message.completion?(.dropped(.closed)) }
        drop({ _ in true }, because: .closed)
        if !isDialling { releaseHandle() }
    }

    func releaseHandle() {
        if let mosquitto { mosquitto_destroy(mosquitto) }
        mosquitto = nil
    }

    var isDestroyed: Bool { shared.withLock { $0.isDestroyed } }
    var isOnline: Bool { machine.phase == .connected || machine.phase == .closing }
}

// MARK: - The one timer: connect timeout, pause, or farewell

extension ClientDriver {
    func startTimer(_ milliseconds: Int64, _ work: @escaping @Sendable (ClientDriver) -> Void) {
        stopTimer()
        timer = core.schedule(after: milliseconds) { [weak self] in
            guard let self else { return }
            timer = nil
            work(self)
        }
    }

    func stopTimer() {
        if let timer { core.cancel(timer) }
        timer = nil
    }

    /// `closed`: the library has closed the descriptor, whose number may already be another's.
    func dropSource(closed: Bool) {
        guard let source else { return }
        self.source = nil
        core.removeSource(source.token, fd: closed ? nil : source.fd)
    }
}
