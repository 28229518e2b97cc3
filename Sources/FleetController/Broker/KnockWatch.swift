import FleetModel
import FleetStore
import Logging

/// Tells people of strangers at the broker's door: log, audit and alert, at most once a while.
struct KnockWatch: Sendable {
    let context: ControllerContext
    let logFile: String

    static let interval = Duration.seconds(2)
    private static let sender = "broker"

    func run() async {
        var reader = BrokerLogReader(path: logFile)
        let refusals = RefusalBook()
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            let now = context.now()
            var told: Int?
            for _ in 0..<reader.knocks() { told = refusals.note(Self.sender, at: now) ?? told }
            reader.limit(to: EmbeddedBroker.logBytes)
            if let told { await tell(told, at: now) }
        }
    }

    private func tell(_ count: Int, at now: Instant) async {
        context.logger.warning(
            "the broker turned a connection away for its certificate", metadata: ["count": "\(count)"])
        let condition = AlertCondition(
            fingerprint: "broker/certificate", kind: .identity, severity: .warning, subject: Self.sender,
            title: "The broker turns connections away for their certificates",
            reason:
                "a certificate that is revoked, expired, of another authority or missing, or no TLS at all (\(count) since last told)",
            action: "If a device of yours is silent, show it with 'martlet device show' and give it a new identity "
                + "('martlet device claim ID --replace'). Else somebody tries: let only your networks reach the broker."
        )
        do {
            try await context.write { database, changes in
                let entry = try AuditChain.append(
                    to: database, at: now, caller: .controller, command: "broker.refused", subject: Self.sender,
                    detail: ["connections": "\(count)"], reason: "a certificate that is not trusted")
                changes.append(ChangeEvent(.audit, entry.number))
                try AlertBook.open(database, condition, at: now, changes: &changes)
            }
        } catch {
            context.logger.error("alert not recorded", metadata: ["error": "\(error)"])
        }
    }
}
