import FleetCrypto
public import FleetModel
import FleetStore
import FleetWire
public import Foundation

/// A release key that was made for somebody.
public struct NewReleaseKey: Sendable {
    public var holder: String
    public var id: KeyID
    /// Its private half (PEM, 0600): to be moved to the person who holds it.
    public var file: URL
}

/// The fleet's first role document, for a start in one step. A ceremony with an offline root is `martlet root`.
extension TrustService {
    /// How long a role document is valid.
    static let rolesLifetime = Interval.minutes(365 * 24 * 60)
    /// Distinct release keys that a release needs, unless there are fewer.
    public static let standardThreshold = 2

    /// Makes a release key for each holder and a role document under the root key that trusts them.
    ///
    /// The private halves are written to `keys/HOLDER.pem` of the data folder for their holders to take away; the
    /// controller itself never signs a release. The root key should leave the machine as well. The time key stays.
    public func initialise(
        holders: [String], threshold: Int = Self.standardThreshold, by caller: Identity
    ) async throws -> [NewReleaseKey] {
        try caller.require(.admin, for: "trust.initialise")
        guard threshold >= 1, holders.count >= threshold, Set(holders).count == holders.count,
            holders.allSatisfy({ (try? KeyID($0)) != nil && !["root", "time", "automation"].contains($0) })
        else {
            throw ControllerError(
                .invalid, "\(threshold) of \(holders.count) keys: name at least \(threshold) different holders",
                hint: "names of A-Z a-z 0-9 _ -, such as: --init-keys ops,lead")
        }
        let folder = context.configuration.keyFolder
        let root = try SigningKey(pemFile: folder.appendingPathComponent("root.pem").path)
        let number = (try await document()?.number ?? 0) + 1
        let keys = try holders.map { holder in
            let file = folder.appendingPathComponent("\(holder).pem")
            let key = try Self.key(file)
            return (key: key, new: NewReleaseKey(holder: holder, id: key.keyID, file: file))
        }
        let timeKey = try Self.key(context.configuration.timeKeyFile)
        let roles = TrustRoles(
            number: UInt64(number), expires: context.now().advanced(by: Self.rolesLifetime),
            releaseKeys: keys.map { $0.key.trusted(holder: $0.new.holder) },
            threshold: threshold,
            timeKeys: [timeKey.trusted(holder: "controller")])
        var message = COSESign(payload: roles.encoded())
        try message.sign(.roles, keyID: root.keyID, using: root.sign)
        try await install(message.encoded(), firstRoot: root.trusted(holder: "root"), by: caller)
        return keys.map(\.new)
    }

    /// The key in a file, made if there is none.
    private static func key(_ file: URL) throws -> SigningKey {
        if FileManager.default.fileExists(atPath: file.path) { return try SigningKey(pemFile: file.path) }
        let key = try SigningKey.generate()
        try key.create(pemFile: file.path)
        return key
    }
}
