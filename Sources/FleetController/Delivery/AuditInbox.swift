import FleetCrypto
import FleetModel
import FleetWire
import Synchronization

/// What the broker shows of its retained messages during an audit: digests by topic, gathered on the loop's thread.
final class AuditInbox: Sendable {
    private struct State {
        var isOpen = false
        var seen: [Topic: Digest] = [:]
        var last = ContinuousClock.now
    }

    private let state = Mutex(State())

    /// Forgets everything and listens.
    func open() {
        state.withLock { $0 = State(isOpen: true) }
    }

    /// Stops listening and gives what was seen.
    func close() -> [Topic: Digest] {
        state.withLock { state in
            state.isOpen = false
            defer { state.seen = [:] }
            return state.seen
        }
    }

    /// A retained message came. Called on the loop's thread.
    func receive(_ topic: Topic, _ payload: UnsafeRawBufferPointer) {
        state.withLock { state in
            guard state.isOpen else { return }
            // Devices that go on reporting do not make the audit wait.
            if state.seen.updateValue(SHA256.hash(payload), forKey: topic) == nil { state.last = .now }
        }
    }

    /// Waits until `expected` topics were seen, nothing has come for a while, or `patience` is at its end.
    func wait(for expected: Int?, patience: Duration, silence: Duration = DeliveryLimits.auditSilence) async {
        let start = ContinuousClock.now
        while !Task.isCancelled, ContinuousClock.now - start < patience {
            let (count, last) = state.withLock { ($0.seen.count, $0.last) }
            if let expected, count >= expected { return }
            if ContinuousClock.now - max(last, start) >= silence { return }
            try? await Task.sleep(for: .milliseconds(5))
        }
    }
}
