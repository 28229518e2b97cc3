internal import CMosquitto
import Glibc
import Synchronization

/// Reading, writing and publishing over a connection.
extension ClientDriver {
    /// Packets taken per readiness, so that one busy client does not starve the others.
    private static let readsPerTurn = 16
    /// Messages handed to the library per turn, for the same reason.
    private static let publishesPerTurn = 64

    func ready(_ readiness: Readiness) {
        guard let mosquitto else { return }
        if readiness.contains(.writable), !readiness.contains(.hangup) { isTransportOpen = true }
        let refusal = machine.phase == .opening ? hangup(on: mosquitto_socket(mosquitto)) : nil
        // While shaking hands under TLS the library makes progress in `loop_read`, whatever it waits for.
        if readiness != .writable || machine.phase == .opening { read(mosquitto) }
        if let refusal, machine.phase == .opening, mosquitto_socket(mosquitto) >= 0 {
            abandon()
            return finish(reason: endReason ?? "\(configuration.host):\(configuration.port): \(refusal)")
        }
        if mosquitto_socket(mosquitto) >= 0, readiness.contains(.writable), mosquitto_want_write(mosquitto) {
            note(mosquitto_loop_write(mosquitto, 1))
        }
        afterCall()
    }

    /// Why nothing more will come over a socket, or nil if something may.
    ///
    /// The library takes a connection that is refused or closed before the TLS handshake is over for one that has not
    /// begun, and epoll would report it without end.
    private func hangup(on fd: Int32) -> String? {
        var byte: UInt8 = 0
        switch recv(fd, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) {
        // The library's first write may have taken the error away, and left an end that never had a beginning.
        case 0: return isTransportOpen ? "the broker hung up" : "connection refused"
        case 1...: return nil
        default: return errno == EAGAIN || errno == EINTR ? nil : errnoText().lowercased()
        }
    }

    func read(_ mosquitto: OpaquePointer) {
        for _ in 0..<Self.readsPerTurn {
            errno = 0
            let code = mosquitto_loop_read(mosquitto, 1)
            let nothingLeft = errno == EAGAIN
            note(code)
            if code != MOSQ_ERR_SUCCESS.rawValue || nothingLeft || mosquitto_socket(mosquitto) < 0 { return }
        }
    }

    func note(_ code: Int32) {
        guard code != MOSQ_ERR_SUCCESS.rawValue, endReason == nil else { return }
        endReason = describe(code)
    }

    /// What must follow each use of the library: notice a closed socket, send what waits, ask epoll for the right thing.
    func afterCall() {
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

    var isDrained: Bool { inFlight.isEmpty && shared.withLock { $0.outbox.count == 0 } }

    func updateInterest(_ mosquitto: OpaquePointer) {
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

    func renewSubscriptions() {
        needsSubscribing = false
        for (filter, qos) in subscriptions.sorted(by: { $0.key < $1.key }) { sendSubscribe(filter, qos: qos) }
    }

    func sendSubscribe(_ filter: String, qos: QoS) {
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

    func pump(_ mosquitto: OpaquePointer) {
        for _ in 0..<Self.publishesPerTurn {
            // A full socket: the outbox keeps the rest, where priorities still count.
            if mosquitto_want_write(mosquitto) { return }
            let (held, bulk) = (inFlight.count, inFlight.bulkCount)
            let next = shared.withLock { $0.outbox.popNext(inFlight: held, bulkInFlight: bulk) }
            guard let next else { return }
            send(next, through: mosquitto)
            if mosquitto_socket(mosquitto) < 0 { return }
        }
        requestPump()
    }

    func send(_ message: OutgoingMessage, through mosquitto: OpaquePointer) {
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
            inFlight.insert(entry, id: mid)
            shared.withLock { $0.statistics.inFlight = inFlight.count }
        default:
            let reason = MQTTReason(code: MQTTReason.localCode, text: MosquittoLibrary.text(ofError: code))
            settle(entry, .refused(reason))
        }
    }

    func published(_ entry: InFlight, bytes: Int) {
        shared.withLock { shared in
            shared.statistics.messagesPublished += 1
            shared.statistics.bytesPublished += bytes
        }
    }

    func settle(_ entry: InFlight, _ result: PublishResult) {
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

    func takeInFlight(_ mid: Int32) -> InFlight? {
        guard let entry = inFlight.remove(id: mid) else { return nil }
        shared.withLock { $0.statistics.inFlight = inFlight.count }
        return entry
    }

    func drop(_ condition: (InFlight) -> Bool, because reason: PublishResult.DropReason) {
        let dropped = inFlight.removeAll(where: condition)
        shared.withLock { $0.statistics.inFlight = inFlight.count }
        for entry in dropped { settle(entry, .dropped(reason)) }
    }
}
