import DeviceCore
import FleetModel
import FleetWire
import MQTTTransport

/// Who may sign, and what time it is: documents that count only under signatures that lead back to the pinned root.
extension DeviceHost {
    /// Takes up what earlier starts accepted.
    func adoptStoredTrust() throws(DeviceError) {
        if let stored = try store.document(Documents.root), let key = try? TrustedKey(decoding: stored) { root = key }
        guard let message = try store.document(Documents.roles) else { return }
        // Expired or not: a document that has expired since still says which number may not be gone below.
        roles = (try? trust.roles(message, root: root, held: nil, at: .epoch))?.roles
    }

    func adoptRoles(_ message: [UInt8]) {
        guard !message.isEmpty else { return }
        do throws(Refusal) {
            let offered = try trust.roles(message, root: root, held: roles, at: now())
            noteTrust(nil, of: .roles)
            guard offered.roles != roles || offered.root != root else { return }
            try keep(offered, message)
            for slot in orderedSlots { slot.rolesChanged() }
        } catch {
            note(.problem("trust/roles: \(error)"))
            noteTrust(error, of: .roles)
            if error.failure == .storeFailed { askForTrustLater() }
        }
    }

    /// What was refused is reported, so that people hear of it; nil: a good document has come since.
    private func noteTrust(_ refusal: Refusal?, of topic: Topic) {
        // A character that is cut in two is replaced by one of three bytes.
        let room = WireLimits.detailBytes - 3
        let text = refusal.map { String(decoding: "\(topic.text): \($0)".utf8.prefix(room), as: UTF8.self) }
        guard trustRefusals[topic] != text else { return }
        trustRefusals[topic] = text
        reportSoon()
    }

    /// Retained messages come once for each subscription: what could not be kept is asked for by another one.
    private func askForTrustLater() {
        loop.schedule(after: configuration.limits.manifestTimeout.milliseconds) { [weak self] in
            guard let self, isConnected else { return }
            client?.subscribe([configuration.topics.trust], qos: .atLeastOnce)
        }
    }

    /// Root and roles become durable together, before either is used.
    private func keep(_ accepted: AcceptedRoles, _ message: [UInt8]) throws(Refusal) {
        do throws(DeviceError) {
            try store.put(message, as: Documents.roles)
            try store.put(accepted.root.encoded(), as: Documents.root)
        } catch { throw Refusal(.storeFailed, "\(error)") }
        guard flush() else { throw Refusal(.storeFailed, "role document \(accepted.roles.number) was not stored") }
        roles = accepted.roles
        root = accepted.root
    }

    func adoptTime(_ message: [UInt8]) {
        guard !message.isEmpty, let roles else { return }
        do throws(Refusal) {
            learn(try trust.time(message, roles: roles))
            noteTrust(nil, of: .time)
        } catch {
            note(.problem("trust/time: \(error)"))
            noteTrust(error, of: .time)
        }
    }
}
