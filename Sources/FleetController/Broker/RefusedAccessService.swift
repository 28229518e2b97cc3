import FleetModel
import FleetStore
import FleetWire
import Logging

/// Tells people of what the broker refused to whom, as its guard says: log, audit and alert, at most once a while for
/// each identity and kind.
final class RefusedAccessService: Sendable {
    /// Messages that wait for the database; the guard publishes at most 100 in a minute.
    static let waiting = 256

    private let context: ControllerContext
    private let refusals = RefusalBook()
    private let messages: AsyncStream<AccessRefusal>
    private let inbox: AsyncStream<AccessRefusal>.Continuation

    init(context: ControllerContext) {
        self.context = context
        (messages, inbox) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.waiting))
    }

    /// Takes a message over from the broker's loop. Never waits.
    func receive(_ payload: UnsafeRawBufferPointer) {
        guard payload.count <= AccessRefusal.byteLimit, let refusal = try? AccessRefusal(decoding: [UInt8](payload))
        else {
            context.logger.warning("not understood: what the broker's guard says. Is it of this version?")
            return
        }
        inbox.yield(refusal)
    }

    /// Works until the task is cancelled.
    func run() async {
        for await refusal in messages { await tell(refusal) }
    }

    private func tell(_ refusal: AccessRefusal) async {
        let now = context.now()
        let sender = "\(refusal.kind.rawValue)/\(refusal.identity)"
        guard let count = refusals.note(sender, count: Int(clamping: refusal.count), at: now) else { return }
        let condition = AlertCondition(refusal, count: count)
        context.logger.warning(
            "the broker refused access",
            metadata: [
                "device": "\(refusal.identity)", "kind": "\(refusal.kind.rawValue)", "topic": "\(refusal.topic)",
                "client": "\(refusal.clientID)", "address": "\(refusal.address)", "count": "\(count)",
            ])
        do {
            try await context.write { database, changes in
                let entry = try AuditChain.append(
                    to: database, at: now, caller: .controller, command: "broker.accessRefused",
                    subject: refusal.identity, detail: ["kind": refusal.kind.rawValue, "address": refusal.address],
                    reason: condition.reason)
                changes.append(ChangeEvent(.audit, entry.number))
                try AlertBook.open(database, condition, at: now, changes: &changes)
            }
        } catch {
            context.logger.error("alert not recorded", metadata: ["error": "\(error)"])
        }
    }
}

extension AlertCondition {
    init(_ refusal: AccessRefusal, count: Int) {
        let who = refusal.identity
        let title: String
        let what: String
        switch refusal.kind {
        case .publish: (title, what) = ("\(who) published where it may not", "message or last will to \(refusal.topic)")
        case .subscribe:
            (title, what) = ("\(who) subscribed to more than it may read", "subscription to \(refusal.topic)")
        case .connect: (title, what) = ("\(who) used another's client id", "connection as '\(refusal.clientID)'")
        }
        self.init(
            fingerprint: "access/\(refusal.kind.rawValue)/\(who)", kind: .identity, severity: .critical, subject: who,
            title: title, reason: "The broker refused a \(what), from \(refusal.address) (\(count) since last told)",
            action: "Somebody may hold the key of \(who). Look at the device; give it a new identity "
                + "('martlet device claim ID --replace'), or revoke it ('martlet device revoke ID').")
    }
}
