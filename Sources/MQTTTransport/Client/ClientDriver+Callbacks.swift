import Synchronization

/// Facts from the library's callbacks: noted and told here, acted on in `afterCall`.
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
        isUnwelcome = MQTTReason.isAboutClient(code, protocolLevel: machine.protocolLevel)
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
