internal import CMosquitto
import FleetCrypto
import Glibc

/// Making a client handle, and the way from C callbacks to the driver.
extension ClientDriver {
    /// A new handle of libmosquitto with every option that does not change between connections.
    func makeHandle() throws(MQTTError) -> OpaquePointer {
        let me = Unmanaged.passUnretained(self).toOpaque()
        guard let handle = mosquitto_new(configuration.clientID, configuration.cleanSession, me) else {
            throw MQTTError(
                .libraryFailed, "mosquitto_new for \(configuration.clientID): \(errnoText()); check ulimit -n")
        }
        MosquittoLibrary.silenceSocketPair(of: handle)
        mosquitto_int_option(handle, MOSQ_OPT_TCP_NODELAY, 1)
        mosquitto_int_option(handle, MOSQ_OPT_SEND_MAXIMUM, Int32(configuration.outbox.inFlight))
        do throws(MQTTError) {
            try applyTLS(to: handle)
        } catch {
            mosquitto_destroy(handle)
            throw error
        }
        installCallbacks(on: handle)
        return handle
    }

    private func applyTLS(to handle: OpaquePointer) throws(MQTTError) {
        guard let tls = configuration.tls else { return }
        if let key = tls.tokenKey { return try applyToken(key, tls, to: handle) }
        let code = mosquitto_tls_set(handle, tls.caFile, nil, tls.certificateFile, tls.keyFile, nil)
        guard code == MOSQ_ERR_SUCCESS.rawValue else {
            let files = [tls.caFile, tls.certificateFile, tls.keyFile].compactMap { $0 }.joined(separator: ", ")
            throw MQTTError(
                .invalidConfiguration,
                "tls of \(configuration.clientID): \(MosquittoLibrary.text(ofError: code)); are these readable: \(files)?"
            )
        }
        // Verifies the broker's certificate and name; nothing older than TLS 1.2.
        mosquitto_tls_opts_set(handle, 1, "tlsv1.2", nil)
    }

    /// A context of our own: the library checks nothing then, so that all of it is in `ClientTLS`.
    private func applyToken(_ key: KeyLocation, _ tls: MQTTTLS, to handle: OpaquePointer) throws(MQTTError) {
        do throws(CryptoError) {
            let context = try ClientTLS(caFile: tls.caFile, host: configuration.host)
            token = Token(tls: context, key: key, certificateFile: tls.certificateFile ?? "")
            mosquitto_int_option(handle, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0)
            mosquitto_opts_set(handle, MOSQ_OPT_SSL_CTX, context.context)
        } catch {
            throw MQTTError(.invalidConfiguration, "tls of \(configuration.clientID): \(error.context)")
        }
    }

    /// Opens the token's key for the next connection.
    ///
    /// - Returns: why that cannot be, for people.
    func loadToken() -> String? {
        guard let token else { return nil }
        do throws(CryptoError) { try token.tls.load(certificateFile: token.certificateFile, key: token.key) } catch {
            return error.context
        }
        return nil
    }

    /// Takes other files from the next connection on; while one is being dialled the library is not touched, and the
    /// files of before stay.
    func setTLS(_ tls: MQTTTLS) {
        guard let mosquitto, !isDialling else { return }
        if token != nil {
            token?.certificateFile = tls.certificateFile ?? ""
            return
        }
        _ = mosquitto_tls_set(mosquitto, tls.caFile, nil, tls.certificateFile, tls.keyFile, nil)
    }

    private func installCallbacks(on handle: OpaquePointer) {
        mosquitto_connect_v5_callback_set(handle) { _, context, code, flags, _ in
            ClientDriver.from(context)?.didConnect(code: code, sessionPresent: flags & 1 != 0)
        }
        mosquitto_disconnect_v5_callback_set(handle) { _, context, code, _ in
            ClientDriver.from(context)?.didDisconnect(code: code)
        }
        mosquitto_publish_v5_callback_set(handle) { _, context, mid, code, _ in
            ClientDriver.from(context)?.didPublish(mid: mid, code: code)
        }
        mosquitto_subscribe_v5_callback_set(handle) { _, context, mid, count, codes, _ in
            guard count > 0, let codes else { return }
            ClientDriver.from(context)?.didSubscribe(mid: mid, code: codes[0])
        }
        mosquitto_message_v5_callback_set(handle) { _, context, message, _ in
            guard let message = message?.pointee, let topic = message.topic else { return }
            let payload = UnsafeRawBufferPointer(start: message.payload, count: Int(message.payloadlen))
            ClientDriver.from(context)?.didReceive(
                MQTTMessage(
                    topicBytes: UnsafeRawBufferPointer(start: topic, count: strlen(topic)), payload: payload,
                    retained: message.retain,
                    qos: message.qos == 0 ? .atMostOnce : .atLeastOnce))
        }
        mosquitto_log_callback_set(handle) { _, context, level, text in
            guard level == MOSQ_LOG_ERR, let text else { return }
            ClientDriver.from(context)?.didComplain(String(cString: text))
        }
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> ClientDriver? {
        context.map { Unmanaged<ClientDriver>.fromOpaque($0).takeUnretainedValue() }
    }
}

extension MQTTTLS {
    /// The key, if a provider of OpenSSL holds it.
    var tokenKey: KeyLocation? { keyFile.map { KeyLocation($0) }.flatMap { $0.isURI ? $0 : nil } }
}
