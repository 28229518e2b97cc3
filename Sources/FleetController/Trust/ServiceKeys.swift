import FleetCrypto
import FleetModel
import FleetWire
import Foundation

/// Whether devices get the time from this controller.
public enum SignedTimeState: String, Hashable, Sendable, CaseIterable {
    /// It is signed and published.
    case published
    /// `trust.time_seconds` is 0.
    case off
    /// There is no time key here.
    case noKey
    /// There is one, and the role document does not list it.
    case notListed
    /// The role document has expired.
    case expired
}

/// The two private keys that may lie with a controller: one for the time, one for what a delegation allows. Read anew
/// each time, so that a replaced file counts at once.
struct ServiceKeys: Sendable {
    private let configuration: ControllerConfiguration

    init(_ configuration: ControllerConfiguration) { self.configuration = configuration }

    /// nil without the file, or where it is no key.
    func time() -> SigningKey? { key(configuration.timeKeyFile) }
    /// nil without the file, or where it is no key.
    func automation() -> SigningKey? { key(configuration.automationKeyFile) }

    private func key(_ file: URL) -> SigningKey? { try? SigningKey(pemFile: file.path) }

    func timeState(_ roles: TrustRoles, at now: Instant) -> SignedTimeState {
        guard configuration.timeInterval > .seconds(0) else { return .off }
        guard let key = time() else { return .noKey }
        guard roles.timeKeys.contains(where: { $0.publicKey == key.publicKey }) else { return .notListed }
        return now < roles.expires ? .published : .expired
    }

    /// The time under the time key; nil where no device would believe it.
    func signedTime(_ roles: TrustRoles, at now: Instant) throws -> [UInt8]? {
        guard timeState(roles, at: now) == .published, let key = time() else { return nil }
        var message = COSESign(payload: SignedTime(now: now).encoded())
        try message.sign(.time, keyID: key.keyID, using: key.sign)
        return message.encoded()
    }
}
