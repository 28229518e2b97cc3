import FleetCrypto
import FleetModel
import FleetStore
import GRDB

/// Which devices a release of an automation key reaches. Devices judge it again themselves; the controller asks first so
/// that it offers nobody what would be refused.
struct DelegatedReach: Sendable {
    let delegation: Delegation
    private let group: Selector

    init(_ delegation: Delegation) throws {
        self.delegation = delegation
        group = try Selector(delegation.group)
    }

    func contains(_ device: DeviceID, tags: [String: String]) -> Bool {
        guard group.matches(device, tags: tags) else { return false }
        let place = SHA256.hash(CanaryDraw.message(key: delegation.key.id, device: device))
        return CanaryDraw.contains(place, share: delegation.canaryShare)
    }

    /// The delegation that lets this key sign all of these models at this time; nil without one.
    static func delegation(
        to key: [UInt8], for models: some Sequence<ModelName>, in roles: TrustRoles, at now: Instant
    ) -> Delegation? {
        guard now < roles.expires else { return nil }
        // Devices take the first delegation of a key, so nothing else counts here either.
        guard let delegation = roles.delegations.first(where: { $0.key.publicKey == key }) else { return nil }
        return now < delegation.expires && models.allSatisfy(delegation.models.contains) ? delegation : nil
    }

    /// Whether a release's delegation, if it rests on one, is still in the roles.
    static func stands(_ database: Database, _ release: ReleaseRecord) throws -> Bool {
        try release.automationKey.map { try delegation(database, to: $0) != nil } ?? true
    }

    private static func delegation(_ database: Database, to key: KeyID) throws -> Delegation? {
        try TrustRows.roles(database)?.delegations.first { $0.key.id == key }
    }

    /// What limits a release: nothing if people signed it, its key's delegation as it stands now otherwise.
    ///
    /// - Throws: `wrongState` when the key may sign no more.
    static func limit(_ database: Database, _ release: ReleaseRecord) throws -> DelegatedReach? {
        guard let key = release.automationKey else { return nil }
        guard let found = try delegation(database, to: key) else {
            throw ControllerError(
                .wrongState, "release '\(release.name)' was signed by automation key \(key), whose delegation is over",
                hint: "make a release that people sign")
        }
        return try DelegatedReach(found)
    }
}
