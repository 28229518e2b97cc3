import FleetModel
import Foundation
import MQTTTransport
import Synchronization

/// Asks a broker whether it lives and is ours: a mutual TLS handshake under our own authority and an MQTT CONNECT.
struct BrokerProbe: Sendable {
    let host: String
    let port: Int
    let tls: MQTTTLS
    /// The certificate's common name.
    var clientID = FleetPKI.probeName

    enum Answer: Sendable, Equatable {
        case alive
        case silent(reason: String)
    }

    /// - Parameter timeout: how long one question may take.
    func ask(timeout: Duration = .seconds(5)) async -> Answer {
        do {
            let loop = try MQTTLoop()
            loop.start()
            let answer = try await ask(on: loop, milliseconds: Int64(timeout.components.seconds) * 1000)
            // Joining the thread must not hold up the cooperative pool.
            await withCheckedContinuation { continuation in
                DispatchQueue.global().async {
                    loop.stop()
                    continuation.resume()
                }
            }
            return answer
        } catch {
            return .silent(reason: "\(error)")
        }
    }

    private func ask(on loop: MQTTLoop, milliseconds: Int64) async throws -> Answer {
        let client = Mutex<MQTTClient?>(nil)
        let answer = await withCheckedContinuation { (continuation: CheckedContinuation<Answer, Never>) in
            let once = Once(continuation)
            var configuration = MQTTConfiguration(host: host, port: port, clientID: clientID, tls: tls)
            configuration.connectTimeoutMilliseconds = max(100, milliseconds)
            loop.schedule(after: milliseconds) { once.resume(.silent(reason: "no answer within \(milliseconds) ms")) }
            do {
                let made = try loop.makeClient(configuration) { event in
                    switch event {
                    case .connected: once.resume(.alive)
                    case .disconnected(let reason, _): once.resume(.silent(reason: reason))
                    default: break
                    }
                }
                client.withLock { $0 = made }
                made.connect()
            } catch {
                once.resume(.silent(reason: "\(error)"))
            }
        }
        client.withLock { $0 }?.disconnect(flushMilliseconds: 0)
        return answer
    }

    /// Resumes a continuation the first time only.
    private final class Once: Sendable {
        private let continuation: Mutex<CheckedContinuation<Answer, Never>?>

        init(_ continuation: CheckedContinuation<Answer, Never>) { self.continuation = Mutex(continuation) }

        func resume(_ answer: Answer) {
            let waiting = continuation.withLock { waiting in
                defer { waiting = nil }
                return waiting
            }
            waiting?.resume(returning: answer)
        }
    }
}
