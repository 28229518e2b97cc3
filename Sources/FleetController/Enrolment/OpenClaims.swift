import FleetModel
import FleetStore
import GRDB

/// Claims that nobody has used yet.
enum OpenClaims {
    /// Withdraws the claims that are for exactly this device: whoever ends it does not mean them to live on.
    ///
    /// - Parameter madeUntil: later ones are left: they are for what comes after.
    /// - Returns: those that were withdrawn.
    static func withdraw(
        _ database: Database, of device: DeviceID, madeUntil: Instant, at now: Instant
    ) throws -> [KeyID] {
        let claims = try EnrolmentClaimRecord.filter(Column("pattern") == device.text)
            .filter(Column("usedAt") == nil && Column("withdrawnAt") == nil)
            .filter(Column("expiresAt") > now && Column("createdAt") <= madeUntil).fetchAll(database)
        for var claim in claims {
            claim.withdrawnAt = now
            try claim.update(database)
        }
        return claims.map(\.id).sorted { $0.text < $1.text }
    }

    /// For the audit.
    static func detail(_ withdrawn: [KeyID]) -> [String: String] {
        withdrawn.isEmpty ? [:] : ["withdrawnClaims": withdrawn.map(\.text).joined(separator: " ")]
    }
}
