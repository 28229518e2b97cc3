import Testing

@testable import MQTTTransport

@Suite("The connection's state machine")
struct ConnectionMachineTests {
    private typealias Action = ConnectionMachine.Action
    private static let farewell = ConnectionMachine.Action.reportDisconnected(
        reason: "closed by this client", retryMilliseconds: nil)

    private func machine(_ version: MQTTProtocol = .v5WithFallback) -> ConnectionMachine {
        ConnectionMachine(version: version, backoff: BackoffPolicy(firstMilliseconds: 100), seed: 1)
    }

    private func connected(_ version: MQTTProtocol = .v5WithFallback) -> ConnectionMachine {
        var machine = machine(version)
        for event in [ConnectionMachine.Event.connect, .handshakeGranted, .accepted(sessionPresent: false)] {
            _ = machine.handle(event)
        }
        return machine
    }

    @Test("connects through a handshake place, and gives it back")
    func connects() {
        var machine = machine()
        #expect(machine.handle(.connect) == [.enterHandshake])
        #expect(machine.handle(.handshakeGranted) == [.open(protocolLevel: 5)])
        let actions = machine.handle(.accepted(sessionPresent: true))
        #expect(actions == [.leaveHandshake, .reportConnected(sessionPresent: true)])
        #expect(machine.phase == .connected)
    }

    @Test("a lost connection is retried after a pause")
    func retries() {
        var machine = connected()
        let actions = machine.handle(.ended(reason: "gone", cause: .transport))
        guard case .reportDisconnected("gone", let delay?) = actions.first, actions.last == .pause(milliseconds: delay)
        else {
            Issue.record("unexpected: \(actions)")
            return
        }
        #expect(machine.handle(.pauseOver) == [.enterHandshake])
    }

    @Test("falls back to 3.1.1 at once when 5 is refused, then to 5 again after a pause")
    func fallsBack() {
        var machine = machine()
        _ = machine.handle(.connect)
        _ = machine.handle(.handshakeGranted)
        #expect(machine.handle(.ended(reason: "no", cause: .versionRefused)) == [.leaveHandshake, .enterHandshake])
        #expect(machine.handle(.handshakeGranted) == [.open(protocolLevel: 4)])
        let actions = machine.handle(.ended(reason: "no", cause: .closedUnanswered))
        #expect(actions.count == 3 && machine.phase == .pausing)
        _ = machine.handle(.pauseOver)
        #expect(machine.handle(.handshakeGranted) == [.open(protocolLevel: 5)])
    }

    @Test("silence of a broker that once answered is not taken for a wrong version")
    func staysWithVersion() {
        var machine = connected()
        _ = machine.handle(.ended(reason: "gone", cause: .transport))
        _ = machine.handle(.pauseOver)
        _ = machine.handle(.handshakeGranted)
        _ = machine.handle(.ended(reason: "busy", cause: .closedUnanswered))
        #expect(machine.protocolLevel == 5 && machine.phase == .pausing)
    }

    @Test("network failures never change the version")
    func transportKeepsVersion() {
        var machine = machine()
        _ = machine.handle(.connect)
        for _ in 0..<10 {
            _ = machine.handle(.handshakeGranted)
            _ = machine.handle(.ended(reason: "refused", cause: .transport))
            #expect(machine.protocolLevel == 5)
            _ = machine.handle(.pauseOver)
        }
    }

    @Test("a goodbye waits for the outbox, and is said once")
    func drains() {
        var machine = connected()
        #expect(machine.handle(.disconnect(now: false)) == [.startDraining])
        #expect(machine.handle(.drained) == [.sendDisconnect])
        #expect(machine.handle(.drained) == [])
        #expect(machine.handle(.disconnect(now: true)) == [])
        #expect(machine.handle(.ended(reason: "bye", cause: .transport)) == [Self.farewell])
        #expect(machine.phase == .idle)
    }

    @Test("connect while the goodbye is under way comes back afterwards")
    func returns() {
        var machine = connected()
        _ = machine.handle(.disconnect(now: true))
        #expect(machine.handle(.connect) == [])
        #expect(machine.handle(.ended(reason: "bye", cause: .transport)) == [Self.farewell, .enterHandshake])
    }

    @Test("disconnect ends every phase and leaves no timer and no handshake place behind")
    func disconnectsAnywhere() {
        var waiting = machine()
        _ = waiting.handle(.connect)
        var opening = waiting
        _ = opening.handle(.handshakeGranted)
        var pausing = opening
        _ = pausing.handle(.ended(reason: "x", cause: .transport))
        #expect(waiting.handle(.disconnect(now: false)) == [Self.farewell])
        #expect(opening.handle(.disconnect(now: false)) == [.abandon, .leaveHandshake, Self.farewell])
        #expect(pausing.handle(.disconnect(now: false)) == [.cancelPause, Self.farewell])
        // A place that is granted too late goes back.
        #expect(waiting.handle(.handshakeGranted) == [.leaveHandshake])
    }
}

@Suite("Backoff")
struct BackoffTests {
    @Test("pauses double up to the bound, and lie in the upper half of it", arguments: [UInt64(0), 1, 99])
    func bounds(seed: UInt64) {
        var backoff = Backoff(policy: BackoffPolicy(firstMilliseconds: 100, maximumMilliseconds: 5000), seed: seed)
        for failures in 0..<100 {
            let bound = failures < 10 ? min(5000, Int64(100) << Int64(failures)) : 5000
            #expect(((bound / 2)...bound).contains(backoff.nextDelayMilliseconds()))
        }
        backoff.succeeded()
        #expect(backoff.nextDelayMilliseconds() <= 100)
    }

    @Test("a fleet does not return as one wave")
    func spread() {
        let delays = (UInt64(0)..<1000).map { seed in
            var backoff = Backoff(policy: BackoffPolicy(firstMilliseconds: 1000), seed: seed)
            return backoff.nextDelayMilliseconds()
        }
        let perTenth = Dictionary(grouping: delays) { ($0 - 500) / 50 }.mapValues(\.count)
        #expect(perTenth.count >= 10 && perTenth.values.max() ?? 0 < 200)
    }

    @Test("the same seed gives the same pauses")
    func replay() {
        var a = Backoff(policy: BackoffPolicy(), seed: 5)
        var b = Backoff(policy: BackoffPolicy(), seed: 5)
        for _ in 0..<20 { #expect(a.nextDelayMilliseconds() == b.nextDelayMilliseconds()) }
    }
}
