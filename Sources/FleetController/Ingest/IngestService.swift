import FleetModel
import FleetStore
import FleetWire
import GRDB
import Logging
import MQTTTransport
import Metrics

/// Takes devices' messages from the broker's loop to the database, many in one transaction, and acknowledges what is
/// committed: never before.
final class IngestService: Sendable {
    let context: ControllerContext
    let queue = IngestQueue()
    let topics: Topics
    private let refusals = RefusalBook()
    private let releases = ReleaseParts()
    /// Called with the windows that have to be judged anew.
    private let judge: @Sendable (Set<IngestOutcome.Window>) -> Void
    /// Called with what devices miss.
    private let reseed: @Sendable (Need) async -> Void
    /// Called with what a device asked to be sent.
    private let answer: @Sendable (DeviceID, Need) -> Void
    /// Called with who asks for a certificate; gives the answer, or throws why there is none.
    private let renew: @Sendable (DeviceID, RenewalRequest) async throws -> RenewedCertificate
    private let deliver: @Sendable () -> Void
    private let send: @Sendable (Topic, [UInt8]) -> Void
    /// Asks the broker for its retained messages again.
    private let resubscribe: @Sendable () -> Void

    private let received = Counter(label: "martlet_messages_received_total")
    private let committed = Counter(label: "martlet_messages_committed_total")
    private let duplicates = Counter(label: "martlet_messages_duplicate_total")
    private let refused = Counter(label: "martlet_messages_refused_total")
    private let overflow = Counter(label: "martlet_messages_overflow_total")

    init(
        context: ControllerContext, send: @escaping @Sendable (Topic, [UInt8]) -> Void,
        judge: @escaping @Sendable (Set<IngestOutcome.Window>) -> Void,
        reseed: @escaping @Sendable (Need) async -> Void, deliver: @escaping @Sendable () -> Void,
        answer: @escaping @Sendable (DeviceID, Need) -> Void = { _, _ in },
        renew: @escaping @Sendable (DeviceID, RenewalRequest) async throws -> RenewedCertificate = { device, _ in
            throw ControllerError(.unavailable, "nobody renews the certificate of \(device) here")
        },
        resubscribe: @escaping @Sendable () -> Void = {}
    ) {
        self.context = context
        self.send = send
        self.resubscribe = resubscribe
        self.judge = judge
        self.reseed = reseed
        self.answer = answer
        self.renew = renew
        self.deliver = deliver
        topics = Topics(prefix: context.configuration.topicPrefix)
    }

    /// Takes a message over from the broker's loop. Never waits; what is too large is refused without a copy.
    func receive(_ topic: Topic, _ payload: UnsafeRawBufferPointer) {
        received.increment()
        var message = IngestMessage(topic: topic, payload: [], received: context.now())
        switch IngestLimits.bytes(topic) {
        case nil: message.refusal = WireError(.unknownTopic, "not a topic that devices write")
        case let limit? where payload.count > limit:
            message.refusal = WireError(.tooLarge, "\(payload.count) bytes, at most \(limit)")
        case _?: message.payload = [UInt8](payload)
        }
        if !queue.push(message) { overflow.increment() }
    }

    /// Works until the task is cancelled, then takes what is still in the queue.
    func run() async {
        while !Task.isCancelled {
            await queue.waitForMessages()
            if queue.count < IngestLimits.batch { try? await Task.sleep(for: IngestLimits.gather) }
            // In a task of its own: a shutdown must not roll back what is under way.
            await Task { await self.process(self.queue.drain(limit: IngestLimits.batch)) }.value
            // What devices keep sending comes again by itself; presence and reported are retained and do not.
            if queue.count == 0, queue.takeDropped() > 0 { resubscribe() }
        }
        queue.close()
        await Task { await self.drain() }.value
    }

    private func drain() async {
        while queue.count > 0 { await process(queue.drain(limit: IngestLimits.batch)) }
    }

    /// Applies a batch in one transaction; if that fails, each message in its own, so that one cannot take the others
    /// with it.
    func process(_ batch: [IngestMessage]) async {
        guard !batch.isEmpty else { return }
        do { try await commit(batch) } catch {
            context.logger.error("a batch failed", metadata: ["error": "\(error)", "messages": "\(batch.count)"])
            guard batch.count > 1 else { return }
            for message in batch { await process([message]) }
        }
    }

    private func commit(_ batch: [IngestMessage]) async throws {
        let batch = Self.withoutOutdated(batch)
        if context.bugs.contains(.ackBeforeCommit) { acknowledgeUnseen(batch) }
        let context = context
        let releases = releases
        let outcome = try await context.write { database, changes in
            var transaction = IngestTransaction(
                database: database, now: context.now(), context: context, releases: releases)
            for message in batch {
                guard let device = message.topic.device else { continue }
                let read: DeviceMessage
                do throws(WireError) { read = try DeviceMessage(message) } catch {
                    transaction.outcome.refuse(device, error.code.rawValue, "\(error)")
                    continue
                }
                try transaction.apply(read, from: device)
            }
            try transaction.finish()
            changes = transaction.changes
            return transaction.outcome
        }
        await follow(outcome)
    }

    /// Reported documents are levels: of those of one device in a batch only the last says anything.
    static func withoutOutdated(_ batch: [IngestMessage]) -> [IngestMessage] {
        var seen: Set<DeviceID> = []
        let kept = batch.reversed().filter { message in
            guard case .reported(let device) = message.topic, message.refusal == nil else { return true }
            return seen.insert(device).inserted
        }
        return kept.reversed()
    }

    /// A planted bug.
    private func acknowledgeUnseen(_ batch: [IngestMessage]) {
        for message in batch {
            guard let device = message.topic.device, let read = try? DeviceMessage(message) else { continue }
            let ack: Ack
            switch read {
            case .report(let report, _):
                ack = Ack(boot: report.boot, streams: [StreamAck(stream: .report, highest: report.sequence, holes: [])])
            case .sample(let sample, _):
                ack = Ack(boot: sample.boot, streams: [StreamAck(stream: .sample, highest: sample.sequence, holes: [])])
            case .log(let log):
                ack = Ack(boot: log.boot, streams: [StreamAck(stream: .log, highest: log.sequence, holes: [])])
            case .presence, .reported, .need, .fetch, .renew: continue
            }
            send(.ack(device), ack.encoded())
        }
    }

    /// What follows a commit.
    private func follow(_ outcome: IngestOutcome) async {
        for (device, ack) in outcome.acks { send(.ack(device), ack.encoded()) }
        committed.increment(by: outcome.committed)
        duplicates.increment(by: outcome.duplicates)
        refused.increment(by: outcome.refusals.count)
        if !outcome.windows.isEmpty { judge(outcome.windows) }
        if outcome.mustDeliver { deliver() }
        for need in outcome.needs { await reseed(need) }
        for (device, request) in outcome.fetches { answer(device, request) }
        for (device, request) in outcome.renewals { await renew(request, of: device) }
        for refusal in outcome.refusals { await tell(refusal) }
    }

    private func renew(_ request: RenewalRequest, of device: DeviceID) async {
        do {
            send(.certificate(device), try await renew(device, request).encoded())
        } catch let error as ControllerError where error.code == .badSignature {
            // Somebody else's, and told as that: an alert about a message that the device did not send would mislead.
            refused.increment(by: 1)
        } catch {
            await tell(
                .init(device: device, reason: "its certificate is not renewed: \(error)", code: "renewalRefused"))
        }
    }

    private func tell(_ refusal: IngestOutcome.Refusal) async {
        let now = context.now()
        let sender = refusal.device?.text ?? "?"
        guard let count = refusals.note(sender, at: now) else { return }
        context.logger.warning(
            "refused a message",
            metadata: ["device": "\(sender)", "code": "\(refusal.code)", "why": "\(refusal.reason)"])
        let condition = AlertCondition(
            fingerprint: "ingest/\(sender)", kind: .ingest, severity: .warning, subject: sender,
            title: "Messages of \(sender) are refused",
            reason: "\(refusal.reason) (\(count) since it was last told)",
            action: "Compare the versions of agent and controller; if the device is not yours any more, revoke it.")
        do {
            try await context.write { try AlertBook.open($0, condition, at: now, changes: &$1) }
        } catch {
            context.logger.error("alert not recorded", metadata: ["error": "\(error)"])
        }
    }
}
