import FleetController
import FleetModel
import FleetStore

/// The role document in force, as the settings page shows it.
struct TrustView {
    var facts: [FactView]
    var warning: String?

    init(_ overview: TrustOverview) {
        let roles = overview.roles
        facts = [
            FactView(
                name: "Role document",
                value: "\(roles.number), valid until \(ISO8601.readable(roles.expires))"),
            FactView(name: "Root", value: overview.roots.last?.id.text ?? "–", isCode: true),
            FactView(name: "Roots so far", value: Format.count(overview.roots.count)),
            FactView(name: "Signed time", value: Self.words(overview.signedTime)),
        ]
        facts += roles.delegations.map { delegation in
            FactView(
                name: "Delegation to \(delegation.key.holder)",
                value: "\(delegation.models.map(\.text).joined(separator: ", ")) on "
                    + "\(Format.percent(Double(delegation.canaryShare))) of \(delegation.group) until "
                    + ISO8601.readable(delegation.expires)
                    + (delegation.key.id == overview.automationKey ? "" : "; its key is not here"))
        }
        warning =
            switch overview.expiry {
            case .lasting: nil
            case .expiring: "The roles expire soon. The holder of the root signs the next document: martlet root sign."
            case .expired: "The roles have expired: devices take no new release until the root signs new ones."
            }
    }

    private static func words(_ state: SignedTimeState) -> String {
        switch state {
        case .published: "published for devices without a clock"
        case .off: "switched off"
        case .noKey: "not published: there is no time key here"
        case .notListed: "not published: the roles do not list the time key that lies here"
        case .expired: "not published: the roles have expired"
        }
    }
}
