internal import CMosquitto
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

    /// A message that the library holds: written but not acknowledged (QoS 1), or not yet written (QoS 0).
    struct InFlight {
        let topic: String
        let qos: QoS
        let priority: MQTTPriority
        let completion: (@Sendable (PublishResult) -> Void)?
    }

    let configuration: MQTTConfiguration
    let core: LoopCore
    private let handler: @Sendable (MQTTEvent) -> Void
    private let shared: Mutex<Shared>
    /// The library's last complaint: it names the file or the certificate, where the error code says only "TLS".
    private let complaint = Mutex<String?>(nil)

    // MARK: Confined to the loop's thread

    var will: MQTTWill?
    private var machine: ConnectionMachine
    private var mosquitto: OpaquePointer?
    private var isDialling = false
    private var source: (token: UInt64, fd: Int32, interest: Readiness)?
    private var timer: TimerID?
    private var subscriptions: [String: QoS] = [:]
    private var pendingSubscriptions: [Int32: String] = [:]
    private var inFlight: [Int32: InFlight] = [:]
    private var bulkInFlight = 0
    private var isTransportOpen = false
    private var wasAccepted = false
    private var needsSubscribing = false
    private var endReason: String?
    private var endCause: ConnectionMachine.Cause?

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
            defer { shared.pumpRequested = true }
            return (dropped, !shared.pumpRequested)
        }
        for (message, reason) in dropped {
            guard let completion = message.completion else { continue }
            // Only a stopped loop refuses work; then nothing can run beside this completion.
            if !core.perform({ completion(.dropped(reason)) }) { completion(.dropped(reason)) }
        }
        if mustPump {
            core.perform { [self] in
                shared.withLock { $0.pumpRequested = false }
                afterCall()
            }
        }
    }

    // MARK: The machine

    func handle(_ event: ConnectionMachine.Event) {
        for action in machine.handle(event) { perform(action) }
    }

    private func perform(_ action: ConnectionMachine.Action) {
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
        failInFlight { _ in .closed }
        if !isDialling { releaseHandle() }
    }

    private func releaseHandle() {
        if let mosquitto { mosquitto_destroy(mosquitto) }
        mosquitto = nil
    }

    private var isDestroyed: Bool { shared.withLock { $0.isDestroyed } }
    private var isOnline: Bool { machine.phase == .connected || machine.phase == .closing }
}

// MARK: - Opening and closing

extension ClientDriver {
    private func dial(protocolLevel: Int) {
        guard let mosquitto, !isDialling else {
            return finish(reason: "\(configuration.host): the name is still being resolved")
        }
        isTransportOpen = false
        wasAccepted = false
        endReason = nil
        endCause = nil
        complaint.withLock { $0 = nil }
        let level = protocolLevel == 5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311
        mosquitto_int_option(mosquitto, MOSQ_OPT_PROTOCOL_VERSION, level)
        applyWill(to: mosquitto)
        startTimer(configuration.connectTimeoutMilliseconds) { driver in
            driver.abandon()
            driver.finish(reason: "no answer within \(driver.configuration.connectTimeoutMilliseconds) ms")
        }
        if Dialler.needsNameServer(configuration.host) {
            isDialling = true
            Dialler.onOwnThread { [self] in
                let code = connectHandle()
                core.perform { [self] in
                    isDialling = false
                    if isDestroyed { releaseHandle() } else { dialled(code) }
                }
            }
        } else {
            dialled(connectHandle())
        }
    }

    private func connectHandle() -> Int32 {
        guard let mosquitto else { return Int32(MOSQ_ERR_NO_CONN.rawValue) }
        return mosquitto_connect_async(
            mosquitto, configuration.host, Int32(configuration.port), Int32(configuration.keepAliveSeconds))
    }

    private func dialled(_ code: Int32) {
        guard let mosquitto else { return }
        // The attempt may have timed out while the name was being resolved.
        guard machine.phase == .opening else { return abandon() }
        let fd = mosquitto_socket(mosquitto)
        guard code == MOSQ_ERR_SUCCESS.rawValue || code == MOSQ_ERR_CONN_PENDING.rawValue, fd >= 0 else {
            return finish(reason: describe(code))
        }
        _ = fcntl(fd, F_SETFD, FD_CLOEXEC)
        let interest: Readiness = [.readable, .writable]
        let token = core.addSource(fd, interest: interest) { [weak self] in self?.ready($0) }
        guard let token else {
            abandon()
            return finish(reason: "epoll refused the socket: \(errnoText())")
        }
        source = (token: token, fd: fd, interest: interest)
    }

    private func applyWill(to mosquitto: OpaquePointer) {
        mosquitto_will_clear(mosquitto)
        guard let will else { return }
        mosquitto_will_set(
            mosquitto, will.topic, Int32(will.payload.count), will.payload, will.qos.rawValue, will.retain)
    }

    /// Drops the socket without a goodbye. The library keeps a half-open one until the next attempt, which closes it.
    private func abandon() {
        dropSource(closed: false)
        guard let mosquitto, !isDialling else { return }
        let fd = mosquitto_socket(mosquitto)
        guard fd >= 0 else { return }
        shutdown(fd, Int32(SHUT_RDWR))
        _ = mosquitto_loop_read(mosquitto, 1)
    }

    private func sayGoodbye() {
        guard let mosquitto else { return }
        _ = mosquitto_disconnect(mosquitto)
        afterCall()
        // A stalled broker does not take the goodbye: leave without.
        startTimer(Self.goodbyeMilliseconds) { driver in
            driver.abandon()
            driver.finish(reason: "closed by this client")
        }
    }

    /// How long a goodbye may wait for the socket.
    private static let goodbyeMilliseconds: Int64 = 1000

    /// The connection or the attempt is over: tells the machine.
    private func finish(reason: String) {
        stopTimer()
        dropSource(closed: true)
        pendingSubscriptions.removeAll()
        // The library sends unacknowledged QoS 1 messages again by itself; QoS 0 messages are gone.
        failInFlight { $0.qos == .atMostOnce ? .connectionLost : nil }
        let cause = endCause ?? .transport
        if !isOnline { shared.withLock { $0.statistics.failedAttempts += 1 } }
        handle(.ended(reason: endReason ?? reason, cause: cause))
    }

    private func describe(_ code: Int32) -> String {
        let text = MosquittoLibrary.text(ofError: code)
        let detail = complaint.withLock { $0 }
        return "\(configuration.host):\(configuration.port): \(text)" + (detail.map { " (\($0))" } ?? "")
    }
}

// MARK: - Readiness

extension ClientDriver {
    /// Packets taken per readiness, so that one busy client does not starve the others.
    private static let readsPerTurn = 16
    /// Messages handed to the library per turn, for the same reason.
    private static let publishesPerTurn = 64

    private func ready(_ readiness: Readiness) {
        guard let mosquitto else { return }
        if readiness.contains(.writable), !readiness.contains(.hangup) { isTransportOpen = true }
        // While shaking hands under TLS the library makes progress in `loop_read`, whatever it waits for.
        if readiness != .writable || machine.phase == .opening { read(mosquitto) }
        if mosquitto_socket(mosquitto) >= 0, readiness.contains(.writable), mosquitto_want_write(mosquitto) {
            note(mosquitto_loop_write(mosquitto, 1))
        }
        afterCall()
    }

    private func read(_ mosquitto: OpaquePointer) {
        for _ in 0..<Self.readsPerTurn {
            errno = 0
            let code = mosquitto_loop_read(mosquitto, 1)
            let nothingLeft = errno == EAGAIN
            note(code)
            if code != MOSQ_ERR_SUCCESS.rawValue || nothingLeft || mosquitto_socket(mosquitto) < 0 { return }
        }
    }

    private func note(_ code: Int32) {
        guard code != MOSQ_ERR_SUCCESS.rawValue, endReason == nil else { return }
        endReason = describe(code)
    }

    /// What must follow each use of the library: notice a closed socket, send what waits, ask epoll for the right thing.
    private func afterCall() {
        guard let mosquitto, source != nil else { return }
        if mosquitto_socket(mosquitto) < 0 {
            let isSilent = !wasAccepted && isTransportOpen && complaint.withLock { $0 } == nil
            if isSilent, endCause == nil { endCause = .closedUnanswered }
            return finish(reason: endReason ?? describe(Int32(MOSQ_ERR_CONN_LOST.rawValue)))
        }
        if isOnline {
            if needsSubscribing { renewSubscriptions() }
            pump(mosquitto)
            guard mosquitto_socket(mosquitto) >= 0 else { return afterCall() }
        }
        updateInterest(mosquitto)
        if machine.phase == .closing, isDrained { handle(.drained) }
    }

    private var isDrained: Bool { inFlight.isEmpty && shared.withLock { $0.outbox.count == 0 } }

    private func updateInterest(_ mosquitto: OpaquePointer) {
        guard var current = source else { return }
        let wantsWrite = mosquitto_want_write(mosquitto) || !isTransportOpen
        let interest: Readiness = wantsWrite ? [.readable, .writable] : .readable
        guard interest != current.interest else { return }
        core.modifySource(current.token, fd: current.fd, interest: interest)
        current.interest = interest
        source = current
    }

    /// Pings when it is time to, and notices a broker that no longer answers.
    func checkKeepAlive() {
        guard isOnline, let mosquitto else { return }
        note(mosquitto_loop_misc(mosquitto))
        afterCall()
    }

    private func renewSubscriptions() {
        needsSubscribing = false
        for (filter, qos) in subscriptions.sorted(by: { $0.key < $1.key }) { sendSubscribe(filter, qos: qos) }
    }

    private func sendSubscribe(_ filter: String, qos: QoS) {
        guard let mosquitto else { return }
        var mid: Int32 = 0
        let code = mosquitto_subscribe(mosquitto, &mid, filter, qos.rawValue)
        if code == MOSQ_ERR_SUCCESS.rawValue {
            pendingSubscriptions[mid] = filter
        } else if code != MOSQ_ERR_NO_CONN.rawValue, code != MOSQ_ERR_CONN_LOST.rawValue {
            subscriptions[filter] = nil
            let text = MosquittoLibrary.text(ofError: code)
            handler(.refused(topic: filter, reason: MQTTReason(code: MQTTReason.localCode, text: text)))
        }
    }

    private func pump(_ mosquitto: OpaquePointer) {
        for _ in 0..<Self.publishesPerTurn {
            // A full socket: the outbox keeps the rest, where priorities still count.
            if mosquitto_want_write(mosquitto) { return }
            let (qos1, bulk) = (inFlight.count, bulkInFlight)
            let next = shared.withLock { $0.outbox.popNext(inFlight: qos1, bulkInFlight: bulk) }
            guard let next else { return }
            send(next, through: mosquitto)
            if mosquitto_socket(mosquitto) < 0 { return }
        }
        core.perform { [weak self] in self?.afterCall() }
    }

    private func send(_ message: OutgoingMessage, through mosquitto: OpaquePointer) {
        var mid: Int32 = 0
        let code = mosquitto_publish(
            mosquitto, &mid, message.topic, Int32(message.payload.count), message.payload, message.qos.rawValue,
            message.retain)
        let entry = InFlight(
            topic: message.topic, qos: message.qos, priority: message.priority, completion: message.completion)
        switch code {
        case MOSQ_ERR_SUCCESS.rawValue where message.qos == .atMostOnce && !mosquitto_want_write(mosquitto):
            published(entry, bytes: message.cost)
            settle(entry, .sent)
        case MOSQ_ERR_SUCCESS.rawValue, MOSQ_ERR_NO_CONN.rawValue, MOSQ_ERR_CONN_LOST.rawValue,
            MOSQ_ERR_ERRNO.rawValue, MOSQ_ERR_TLS.rawValue:
            // After a broken write the library still holds a QoS 1 message and sends it with the next connection.
            published(entry, bytes: message.cost)
            inFlight[mid] = entry
            if message.priority == .bulk { bulkInFlight += 1 }
            shared.withLock { $0.statistics.inFlight = inFlight.count }
        default:
            let reason = MQTTReason(code: MQTTReason.localCode, text: MosquittoLibrary.text(ofError: code))
            settle(entry, .refused(reason))
        }
    }

    private func published(_ entry: InFlight, bytes: Int) {
        shared.withLock { shared in
            shared.statistics.messagesPublished += 1
            shared.statistics.bytesPublished += bytes
        }
    }

    private func settle(_ entry: InFlight, _ result: PublishResult) {
        shared.withLock { shared in
            switch result {
            case .sent: break
            case .acknowledged: shared.statistics.acknowledged += 1
            case .refused: shared.statistics.refused += 1
            case .dropped: shared.statistics.dropped += 1
            }
        }
        entry.completion?(result)
        if case .refused(let reason) = result { handler(.refused(topic: entry.topic, reason: reason)) }
    }

    private func takeInFlight(_ mid: Int32) -> InFlight? {
        guard let entry = inFlight.removeValue(forKey: mid) else { return nil }
        if entry.priority == .bulk { bulkInFlight -= 1 }
        shared.withLock { $0.statistics.inFlight = inFlight.count }
        return entry
    }

    private func failInFlight(_ reason: (InFlight) -> PublishResult.DropReason?) {
        for (mid, entry) in inFlight.sorted(by: { $0.key < $1.key }) {
            guard let reason = reason(entry), let entry = takeInFlight(mid) else { continue }
            settle(entry, .dropped(reason))
        }
    }
}

// MARK: - Facts from the library's callbacks: noted only, acted on in `afterCall`

extension ClientDriver {
    func didConnect(code: Int32, sessionPresent: Bool) {
        guard code != 0 else {
            wasAccepted = true
            return handle(.accepted(sessionPresent: sessionPresent))
        }
        let reason = MosquittoLibrary.reason(code, protocolLevel: machine.protocolLevel)
        endReason = "the broker refused the connection: \(reason)"
        let isVersion = machine.protocolLevel == 5 && reason.code == MQTTReason.unsupportedVersionCode
        endCause = isVersion ? .versionRefused : .transport
    }

    func didDisconnect(code: Int32) {
        guard endReason == nil, code != 0 else { return }
        // Above 127 it is a reason code that the broker gave, below an error of the library.
        endReason =
            code >= 128
            ? "the broker ended the connection: \(MosquittoLibrary.reason(code, protocolLevel: 5))" : describe(code)
    }

    func didPublish(mid: Int32, code: Int32) {
        guard let entry = takeInFlight(mid) else { return }
        if code >= 128 {
            settle(entry, .refused(MosquittoLibrary.reason(code, protocolLevel: 5)))
        } else {
            settle(entry, entry.qos == .atMostOnce ? .sent : .acknowledged)
        }
    }

    func didReceive(_ message: MQTTMessage) {
        shared.withLock { shared in
            shared.statistics.messagesReceived += 1
            shared.statistics.bytesReceived += message.payload.count
        }
        handler(.message(message))
    }

    func didSubscribe(mid: Int32, code: Int32) {
        guard let filter = pendingSubscriptions.removeValue(forKey: mid) else { return }
        if code < 128 {
            handler(.subscribed([filter]))
        } else {
            // 3.1.1 has one code for every refusal.
            let reason = MosquittoLibrary.reason(code, protocolLevel: 5)
            handler(.refused(topic: filter, reason: reason))
        }
    }

    func didComplain(_ text: String) {
        complaint.withLock { $0 = text }
    }
}

// MARK: - The one timer: connect timeout, pause, or farewell

extension ClientDriver {
    private func startTimer(_ milliseconds: Int64, _ work: @escaping @Sendable (ClientDriver) -> Void) {
        stopTimer()
        timer = core.schedule(after: milliseconds) { [weak self] in
            guard let self else { return }
            timer = nil
            work(self)
        }
    }

    private func stopTimer() {
        if let timer { core.cancel(timer) }
        timer = nil
    }

    /// `closed`: the library has closed the descriptor, whose number may already be another's.
    private func dropSource(closed: Bool) {
        guard let source else { return }
        self.source = nil
        core.removeSource(source.token, fd: closed ? nil : source.fd)
    }
}
