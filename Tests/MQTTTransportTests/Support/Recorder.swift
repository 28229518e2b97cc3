import Foundation
import MQTTTransport
import Synchronization
import Testing

/// What a client's handler saw, as values that may be kept.
enum Seen: Equatable {
    case connected
    case disconnected(reason: String, retry: Int64?)
    case message(topic: String, text: String, retained: Bool)
    case subscribed([String])
    case refused(topic: String, code: UInt8)
}

/// Collects a client's events, and lets a test wait for one.
final class Recorder: Sendable {
    private let events = Mutex<[Seen]>([])

    var all: [Seen] { events.withLock { $0 } }

    var handler: @Sendable (MQTTEvent) -> Void {
        { [self] event in
            let seen: Seen =
                switch event {
                case .connected: .connected
                case .disconnected(let reason, let retry): .disconnected(reason: reason, retry: retry)
                case .message(let message):
                    .message(
                        topic: message.topic, text: String(decoding: message.bytes, as: UTF8.self),
                        retained: message.retained)
                case .subscribed(let filters): .subscribed(filters)
                case .refused(let topic, let reason): .refused(topic: topic, code: reason.code)
                }
            events.withLock { $0.append(seen) }
        }
    }

    func count(where condition: (Seen) -> Bool) -> Int { all.count(where: condition) }

    var connections: Int { count { $0 == .connected } }
    var disconnections: Int { count { if case .disconnected = $0 { true } else { false } } }

    var texts: [String] {
        all.compactMap { if case .message(_, let text, _) = $0 { text } else { nil } }
    }
}

/// Waits until `condition` holds; fails the test with `what` if it does not within `seconds`.
func eventually(
    _ what: String, within seconds: Double = 15, at location: SourceLocation = #_sourceLocation,
    _ condition: () -> Bool
) async {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
        if condition() { return }
        try? await Task.sleep(for: .milliseconds(5))
    }
    if !condition() { Issue.record("never happened within \(seconds) s: \(what)", sourceLocation: location) }
}

/// A loop that runs as long as the test holds it.
final class RunningLoop: Sendable {
    let loop: MQTTLoop

    init() throws {
        loop = try MQTTLoop()
        loop.start()
    }

    deinit { loop.stop() }

    /// A client of a broker on this machine with short pauses, and what its handler sees.
    func client(
        port: Int, id: String, adjust: (inout MQTTConfiguration) -> Void = { _ in }
    ) throws -> (MQTTClient, Recorder) {
        let recorder = Recorder()
        var configuration = MQTTConfiguration(
            host: "127.0.0.1", port: port, clientID: id,
            backoff: BackoffPolicy(firstMilliseconds: 50, maximumMilliseconds: 400), seed: 7)
        adjust(&configuration)
        return (try loop.makeClient(configuration, handler: recorder.handler), recorder)
    }
}
