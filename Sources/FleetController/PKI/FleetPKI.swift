public import FleetCrypto
public import FleetModel
public import FleetStore
public import Foundation
public import MQTTTransport
import Synchronization

/// The fleet's own certificate authority and trust root, in the data folder.
///
/// `pki/` holds the authority, the broker's, the controller's and the probe's certificates, and the list of revoked
/// ones; `keys/root.pem` holds the key that devices pin. Folders are 0700, keys 0600. Private keys of devices are
/// never kept.
public final class FleetPKI: Sendable {
    /// The controller's common name, user name and client id. It may do everything under the topic prefix.
    public static let controllerName = "martlet-controller"
    /// Common name of the identity that asks whether the broker lives: a client id of its own, so that the question
    /// never takes the controller's session over.
    public static let probeName = "martlet-probe"
    /// Common name of the broker's certificate.
    static let brokerName = "martlet-broker"

    /// Begins the names of the files of `withPassingIdentity`.
    private static let passingPrefix = "passing-"

    /// How long certificates live, and when they are renewed.
    enum Lifetime {
        /// The authority: 20 years; replacing it means a visit to every device.
        static let authority = Interval(milliseconds: 20 * 365 * day)
        /// The broker and the controller: 2 years, renewed by themselves.
        static let service = Interval(milliseconds: 2 * 365 * day)
        /// A device: 5 years.
        static let device = Interval(milliseconds: 5 * 365 * day)
        /// Whoever ends a session under a device's name.
        static let passing = Interval.minutes(10)
        /// Services renew this long before the end.
        static let renewal = Interval(milliseconds: 30 * day)
        /// Clocks of others may be behind ours by this much.
        static let leeway = Interval(milliseconds: day)
        static let day: Int64 = 86_400_000
    }

    let folder: URL
    let authority: CertificateAuthority
    /// What devices pin as the root of trust (Ed25519).
    public let rootKey: VerificationKey
    /// Where the root's private key is, unless somebody moved it to a safer place.
    public let rootKeyFile: String
    /// How long a device's certificate lives that it made the key for; tests take a shorter one.
    let deviceLifetime: Interval
    private let clock: @Sendable () -> Instant
    private let revocations: Mutex<RevocationRegister>

    /// Opens the fleet's keys, or makes them on an empty folder.
    ///
    /// - Parameters:
    ///   - deviceLifetime: of certificates for keys that devices make; 5 years if nil.
    ///   - clock: tells the time; certificates are judged and dated by it.
    public init(
        dataFolder: URL, deviceLifetime: Interval? = nil, clock: @escaping @Sendable () -> Instant = { Instant.now() }
    ) throws {
        self.deviceLifetime = deviceLifetime ?? Lifetime.device
        folder = dataFolder.appending(path: "pki", directoryHint: .isDirectory)
        self.clock = clock
        try Self.makePrivateFolder(folder)
        Self.removePassingIdentities(in: folder)
        authority = try Self.openAuthority(in: folder, now: clock())
        let keyFolder = dataFolder.appending(path: "keys", directoryHint: .isDirectory)
        rootKeyFile = keyFolder.appending(path: "root.pem").path()
        rootKey = try Self.openRootKey(file: rootKeyFile, folder: keyFolder, pkiFolder: folder)
        revocations = Mutex(try RevocationRegister(file: folder.appending(path: "revoked.json")))
        try renewServiceCertificates()
        try writeRevocationList()
    }

    /// PEM file of the authority's certificate.
    public var authorityFile: String { folder.appending(path: "ca.pem").path() }

    /// What the controller connects with.
    public var controllerTLS: MQTTTLS { tls(of: "controller") }
    /// What the health probe connects with.
    var probeTLS: MQTTTLS { tls(of: "probe") }

    private func tls(of name: String) -> MQTTTLS {
        MQTTTLS(caFile: authorityFile, certificateFile: file(name, "pem"), keyFile: file(name, "key"))
    }

    func file(_ name: String, _ kind: String) -> String { folder.appending(path: "\(name).\(kind)").path() }

    // MARK: The broker's certificate

    /// Makes sure that the broker's certificate covers `names` and lasts; true if it was made anew.
    ///
    /// It is valid from 1970 on, so that a device whose clock lost its battery can still reach the broker.
    @discardableResult
    func ensureBrokerCertificate(names: [String]) throws -> Bool {
        let namesFile = folder.appending(path: "broker.names")
        let wanted = names.joined(separator: "\n")
        let current = try? Certificate(pemFile: file("broker", "pem"))
        let covered = try? String(contentsOf: namesFile, encoding: .utf8)
        if let current, isLasting(current, name: "broker"), covered == wanted { return false }
        let key = try PrivateKey.generate()
        let certificate = try authority.issueServer(
            names: names, commonName: Self.brokerName, key: key,
            validity: .init(from: .epoch, until: clock().advanced(by: Lifetime.service)))
        try key.write(pemFile: file("broker", "key"))
        try certificate.write(pemFile: file("broker", "pem"))
        try PrivateFile.write(Array(wanted.utf8), to: namesFile.path(), mode: 0o644)
        return true
    }

    func renewServiceCertificates() throws {
        for (name, commonName) in [("controller", Self.controllerName), ("probe", Self.probeName)] {
            if let current = try? Certificate(pemFile: file(name, "pem")), isLasting(current, name: name) { continue }
            let key = try PrivateKey.generate()
            let certificate = try issueClient(commonName, key: key, for: Lifetime.service)
            try key.write(pemFile: file(name, "key"))
            try certificate.write(pemFile: file(name, "pem"))
        }
    }

    /// Ours, far from its end, and with its key: a power cut may have come between the two files.
    private func isLasting(_ certificate: Certificate, name: String) -> Bool {
        guard let key = try? PrivateKey(pemFile: file(name, "key")), certificate.matches(key) else { return false }
        return certificate.isSigned(by: authority.certificate)
            && certificate.notAfter > clock().advanced(by: Lifetime.renewal)
    }

    // MARK: Devices

    /// A certificate for a device whose key is made here. The names of the controller and the probe are not to be had.
    func issueDevice(_ device: DeviceID, key: PrivateKey) throws -> Certificate {
        try requireFree(device)
        return try issueClient(device.text, key: key, for: Lifetime.device)
    }

    /// A certificate for a key that never leaves its device.
    func issueDevice(_ device: DeviceID, for request: CertificateRequest) throws -> Certificate {
        try requireFree(device)
        return try authority.issueClient(
            for: request, commonName: device.text, validity: validity(for: deviceLifetime))
    }

    private func requireFree(_ device: DeviceID) throws {
        guard ![Self.controllerName, Self.probeName, Self.brokerName].contains(device.text) else {
            throw ControllerError(
                .conflict, "'\(device)' is the controller's own name", hint: "choose another device id")
        }
    }

    /// An identity in files that are gone again afterwards, valid for minutes.
    func withPassingIdentity<Value>(_ name: String, _ body: (MQTTTLS) async throws -> Value) async throws -> Value {
        let files = "\(Self.passingPrefix)\(try SecureRandom.token(byteCount: 9))"
        let key = try PrivateKey.generate()
        defer { for kind in ["key", "pem"] { try? FileManager.default.removeItem(atPath: file(files, kind)) } }
        try key.write(pemFile: file(files, "key"))
        try issueClient(name, key: key, for: Lifetime.passing).write(pemFile: file(files, "pem"))
        return try await body(tls(of: files))
    }

    private func issueClient(_ name: String, key: PrivateKey, for lifetime: Interval) throws -> Certificate {
        try authority.issueClient(commonName: name, key: key, validity: validity(for: lifetime))
    }

    private func validity(for lifetime: Interval) -> CertificateAuthority.Validity {
        let now = clock()
        return .init(
            from: Instant(milliseconds: now.milliseconds - Lifetime.leeway.milliseconds),
            until: now.advanced(by: lifetime))
    }

    /// Puts certificates on the revocation list, which is written also if they were on it: an earlier attempt may have
    /// failed between the two files. The broker must read the list again (`EmbeddedBroker.reload`).
    ///
    /// - Returns: those that were not on it.
    @discardableResult
    func revoke(serials: [String]) throws -> [String] {
        let now = clock()
        let added = try revocations.withLock { try $0.add(serials: serials, at: now) }
        try writeRevocationList()
        return added
    }

    private func writeRevocationList() throws {
        let now = clock()
        try revocations.withLock { register in
            // mosquitto turns everybody away once a list has expired, so this one lives as long as its authority.
            let list = try authority.revocationList(
                register.certificates, number: register.number,
                validity: .init(
                    from: Instant(milliseconds: now.milliseconds - Lifetime.leeway.milliseconds),
                    until: authority.certificate.notAfter))
            try PrivateFile.write(Array(list.utf8), to: file("revoked", "pem"), mode: 0o644)
        }
    }
}

// MARK: - Opening and making

extension FleetPKI {
    static func makePrivateFolder(_ folder: URL) throws {
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// Keys for minutes that a crash left.
    private static func removePassingIdentities(in folder: URL) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path())) ?? []
        where name.hasPrefix(passingPrefix) {
            try? FileManager.default.removeItem(at: folder.appending(path: name))
        }
    }

    private static func openAuthority(in folder: URL, now: Instant) throws -> CertificateAuthority {
        let certificateFile = folder.appending(path: "ca.pem").path()
        let keyFile = folder.appending(path: "ca.key").path()
        if FileManager.default.fileExists(atPath: certificateFile) {
            return try CertificateAuthority(certificateFile: certificateFile, keyFile: keyFile)
        }
        let authority = try CertificateAuthority.create(
            name: "Martlet fleet \(try SecureRandom.token(byteCount: 6))",
            validity: .init(from: .epoch, until: now.advanced(by: Lifetime.authority)))
        try authority.write(certificateFile: certificateFile, keyFile: keyFile)
        return authority
    }

    /// `pki/root.pub` is the truth; `keys/root.pem` may be moved away to where it is safe.
    private static func openRootKey(file keyFile: String, folder: URL, pkiFolder: URL) throws -> VerificationKey {
        let publicFile = pkiFolder.appending(path: "root.pub").path()
        if FileManager.default.fileExists(atPath: publicFile) {
            return try PinnedRoot.key(inFile: publicFile)
        }
        try makePrivateFolder(folder)
        let key: SigningKey
        if FileManager.default.fileExists(atPath: keyFile) {
            key = try SigningKey(pemFile: keyFile)
        } else {
            key = try SigningKey.generate()
            try key.write(pemFile: keyFile)
        }
        try PrivateFile.write(Array("\(Hexadecimal.text(key.publicKey))\n".utf8), to: publicFile, mode: 0o644)
        return try key.verificationKey
    }
}
