import FleetCrypto
import Glibc
import MQTTTransport
import Synchronization

/// The broker.
extension Doctor {
    /// Connects as this device, under a client id that no device can have: where the broker has its guard, an agent that
    /// runs keeps its connection; elsewhere the broker takes the one for the other, and the agent comes back at once.
    mutating func checkBroker(_ configuration: DeviceConfiguration) {
        let place = "\(configuration.brokerHost):\(configuration.brokerPort)"
        let outcome = Self.attempt(configuration)
        switch outcome {
        case .connected: note(.ok("broker", "\(place): connected\(configuration.tls == nil ? "" : " with mutual TLS")"))
        case .refused(let reason):
            note(.problem("broker", "\(place): \(reason)", advice: Self.advice(for: reason, configuration)))
        case .silent:
            let advice = "check the network, the firewall and that the broker runs at \(place)"
            note(.problem("broker", "\(place): no answer", advice: advice))
        }
    }

    private enum Attempt: Sendable {
        case connected
        case refused(String)
        case silent
    }

    private static func attempt(_ configuration: DeviceConfiguration) -> Attempt {
        final class Result: Sendable {
            let first = Mutex<Attempt?>(nil)
            func set(_ attempt: Attempt) { first.withLock { $0 = $0 ?? attempt } }
        }
        let result = Result()
        do throws(MQTTError) {
            let loop = try MQTTLoop()
            let client = try loop.makeClient(
                MQTTConfiguration(
                    host: configuration.brokerHost, port: configuration.brokerPort,
                    clientID: "\(configuration.device):doctor", tls: configuration.tls,
                    connectTimeoutMilliseconds: brokerMilliseconds)
            ) { event in
                switch event {
                case .connected: result.set(.connected)
                case .disconnected(let reason, _): result.set(.refused(reason))
                case .message, .subscribed, .refused: break
                }
            }
            loop.start()
            client.connect()
            let end = MQTTLoop.now + brokerMilliseconds
            while MQTTLoop.now < end, result.first.withLock({ $0 }) == nil { usleep(10_000) }
            client.disconnect(flushMilliseconds: 0)
        } catch {
            result.set(.refused(error.context))
        }
        return result.first.withLock { $0 } ?? .silent
    }

    private static func advice(for reason: String, _ configuration: DeviceConfiguration) -> String {
        let place = "\(configuration.brokerHost):\(configuration.brokerPort)"
        let text = Array(reason.lowercased().utf8)
        func mentions(_ words: String...) -> Bool { words.contains { text.holds(Array($0.utf8)) } }
        if configuration.tlsKey?.isURI == true, mentions("the key ") {
            return tokenAdvice
        }
        if mentions("certificate", "tls", "ssl") {
            return "the broker's certificate must be of ca.pem's authority and name \(place); check the clock too"
        }
        if mentions("authori", "revoked", "not allowed") {
            return "the broker knows this device no more: ask for a new identity on the controller"
        }
        return "check the network, the firewall and that the broker runs at \(place)"
    }
}

extension [UInt8] {
    /// Whether the bytes hold these in a row. (`String.contains` would link the regular expressions, 1.2 MB.)
    fileprivate func holds(_ part: [UInt8]) -> Bool {
        count >= part.count && (0...count - part.count).contains { self[$0..<$0 + part.count].elementsEqual(part) }
    }
}
