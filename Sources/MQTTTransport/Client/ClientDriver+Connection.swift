internal import CMosquitto
import Glibc
import Synchronization

/// Opening and closing the connection.
extension ClientDriver {
    func dial(protocolLevel: Int) {
        guard let mosquitto, !isDialling else {
            return finish(reason: "\(configuration.host): the name is still being resolved")
        }
        isTransportOpen = false
        wasAccepted = false
        endReason = nil
        endCause = nil
        isUnwelcome = false
        complaint.withLock { $0 = nil }
        if let problem = loadToken() { return finish(reason: problem) }
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

    func connectHandle() -> Int32 {
        guard let mosquitto else { return Int32(MOSQ_ERR_NO_CONN.rawValue) }
        return mosquitto_connect_async(
            mosquitto, configuration.host, Int32(configuration.port), Int32(configuration.keepAliveSeconds))
    }

    func dialled(_ code: Int32) {
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

    func applyWill(to mosquitto: OpaquePointer) {
        mosquitto_will_clear(mosquitto)
        guard let will else { return }
        mosquitto_will_set(
            mosquitto, will.topic, Int32(will.payload.count), will.payload, will.qos.rawValue, will.retain)
    }

    /// Drops the socket without a goodbye. The library keeps a half-open one until the next attempt, which closes it.
    func abandon() {
        dropSource(closed: false)
        guard let mosquitto, !isDialling else { return }
        let fd = mosquitto_socket(mosquitto)
        guard fd >= 0 else { return }
        shutdown(fd, Int32(SHUT_RDWR))
        _ = mosquitto_loop_read(mosquitto, 1)
    }

    func sayGoodbye() {
        guard let mosquitto else { return }
        // A stalled broker does not take the goodbye: then leave without.
        startTimer(Self.goodbyeMilliseconds) { driver in
            driver.abandon()
            driver.finish(reason: "the goodbye was not taken")
        }
        _ = mosquitto_disconnect(mosquitto)
        afterCall()
    }

    /// How long a goodbye may wait for the socket.
    private static let goodbyeMilliseconds: Int64 = 1000

    /// The connection or the attempt is over: tells the machine.
    func finish(reason: String) {
        stopTimer()
        dropSource(closed: true)
        pendingSubscriptions.removeAll()
        // The library sends unacknowledged QoS 1 messages again by itself; QoS 0 messages are gone.
        drop({ $0.qos == .atMostOnce }, because: .connectionLost)
        let cause = endCause ?? .transport
        if machine.phase == .opening {
            let isRefused = isUnwelcome || complaint.withLock { $0.map(TLSAlert.isAboutCertificate) ?? false }
            shared.withLock { shared in
                shared.statistics.failedAttempts += 1
                if isRefused { shared.statistics.refusedAttempts += 1 }
            }
        }
        handle(.ended(reason: endReason ?? reason, cause: cause))
    }

    func describe(_ code: Int32) -> String {
        let text = MosquittoLibrary.text(ofError: code)
        let detail = complaint.withLock { $0 }
        return "\(configuration.host):\(configuration.port): \(text)" + (detail.map { " (\($0))" } ?? "")
    }
}
