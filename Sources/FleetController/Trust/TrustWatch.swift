import FleetModel
import FleetStore
import GRDB

/// How far a role document is from its end.
public enum RolesExpiry: String, Hashable, Sendable, CaseIterable {
    case lasting, expiring, expired

    /// People are warned this long before.
    static let warning = Interval.days(30)

    init(of roles: TrustRoles, at now: Instant) {
        self =
            now >= roles.expires ? .expired : now.advanced(by: Self.warning) >= roles.expires ? .expiring : .lasting
    }
}

/// Warns before the roles expire: from then on no device takes a new release.
enum TrustWatch {
    static let fingerprint = "trust/roles"

    /// Opens the alert, or closes it once a lasting document is in force.
    static func look(_ database: Database, at now: Instant, changes: inout [ChangeEvent]) throws {
        guard let roles = try TrustRows.roles(database) else { return }
        let expiry = RolesExpiry(of: roles, at: now)
        guard expiry != .lasting else {
            return try AlertBook.close(database, fingerprint: fingerprint, at: now, changes: &changes)
        }
        let days = max(0, roles.expires.since(now).milliseconds / Interval.days(1).milliseconds)
        let condition = AlertCondition(
            fingerprint: fingerprint, kind: .trust, severity: expiry == .expired ? .critical : .warning,
            subject: "\(roles.number)",
            title: expiry == .expired
                ? "Role document \(roles.number) has expired" : "Role document \(roles.number) expires in \(days) days",
            reason: expiry == .expired
                ? "Devices take no new release and no signed time until there is a new one. What runs goes on running."
                : "After that devices take no new release.",
            action: "The holder of the root signs the next one offline: martlet root show --out now.cbor, martlet root "
                + "sign roles.yaml --key root.pem --previous now.cbor --out next.cbor, martlet root publish next.cbor.")
        if let open = try AlertBook.openAlert(database, fingerprint), open.title == condition.title { return }
        try AlertBook.open(database, condition, at: now, changes: &changes)
    }
}
