import FleetCrypto
public import FleetModel
import Glibc

/// Turns a claim into an identity folder. Keys are made here and never leave.
///
/// The keys are on disk before the first question is asked, so an answer that was lost on the way can be asked for again:
/// the controller gives the same certificate to the same key. `device.conf` is written last; with it the identity is
/// whole.
public struct Enroller: Sendable {
    /// The identity folder that is made.
    public let folder: String
    public let device: DeviceID
    let hardware: String
    /// The URI of a key of TLS that a provider of OpenSSL holds; nil: one is made, in a file.
    private let tokenKey: KeyLocation?
    private let claim: EnrolmentClaim
    private let exchange: EnrolmentExchange

    /// - Parameters:
    ///   - claim: the text that `martlet device claim` printed.
    ///   - url: where the controller is, if not where the claim says.
    ///   - id: the device's id; nil takes the claim's, or else the machine's host name.
    ///   - key: the URI of a key of TLS that a provider of OpenSSL holds; nil makes one, in a file.
    public init(
        claim text: String, folder: String, url: String? = nil, id: String? = nil, key: String? = nil,
        hardware: String = DeviceConfiguration.ownHardware
    ) throws(DeviceError) {
        do throws(CryptoError) { claim = try EnrolmentClaim(text) } catch {
            throw DeviceError(.invalidConfiguration, error.context)
        }
        guard key.map({ KeyLocation($0).isURI }) ?? true else {
            throw DeviceError(
                .invalidConfiguration, "the key of a token is named by a URI, such as pkcs11:token=fleet;object=tls")
        }
        tokenKey = key.map { KeyLocation($0) }
        self.folder = folder
        self.hardware = hardware
        exchange = try EnrolmentExchange(url: Self.address(url) ?? claim.url)
        if let named = claim.device, let id, id != named.text {
            throw DeviceError(.invalidConfiguration, "the claim is for device \(named), not for '\(id)'")
        }
        let name = id ?? claim.device?.text ?? Self.hostName
        guard let device = try? DeviceID(name) else {
            throw DeviceError(
                .invalidConfiguration, "'\(name)' is no device id (A-Z a-z 0-9 _ -): say one with --id or enrol_id")
        }
        self.device = device
    }

    private static func address(_ url: String?) throws(DeviceError) -> String? {
        guard let url else { return nil }
        do throws(CryptoError) { return try EnrolmentClaim.checked(url) } catch {
            throw DeviceError(.invalidConfiguration, error.context)
        }
    }

    /// Whether a folder holds a whole identity.
    public static func isEnrolled(_ folder: String) -> Bool { access("\(folder)/device.conf", F_OK) == 0 }

    /// Asks once, and writes the identity.
    ///
    /// - Throws: `enrolmentFailed` if another attempt may succeed; `enrolmentRefused` if it takes another claim.
    public func attempt() throws(DeviceError) {
        guard !Self.isEnrolled(folder) else {
            throw DeviceError(
                .invalidConfiguration, "\(folder) holds an identity already: remove it, or choose another --identity")
        }
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
            throw DeviceError(.fileFailed, "cannot make folder \(folder): \(String(cString: strerror(errno)))")
        }
        let key: PrivateKey
        let request: EnrolmentRequest
        do throws(CryptoError) {
            key = try ownKey()
            request = try EnrolmentRequest(
                claim: claim, device: device, key: key, signingKey: ownSigningKey(), hardware: hardware)
        } catch { throw DeviceError(.fileFailed, error.context) }
        let grant = try exchange.ask(request)
        do throws(CryptoError) { try grant.verify(claim: claim, device: device, key: key) } catch {
            throw DeviceError(.enrolmentRefused, error.context)
        }
        do throws(CryptoError) { try write(grant) } catch { throw DeviceError(.fileFailed, error.context) }
    }

    /// Asks until it has an identity: what failed is tried again with growing pauses, what was refused every ten
    /// minutes, because an operator may mend it at the controller.
    ///
    /// - Parameters:
    ///   - log: takes one line at a time. Never told the claim.
    ///   - wait: waits for so many seconds.
    public func insist(log: (String) -> Void, wait: (Int) -> Void) throws(DeviceError) {
        var pause = 2
        while true {
            do throws(DeviceError) {
                try attempt()
                return log("enrolled as \(device)")
            } catch {
                guard [.enrolmentFailed, .enrolmentRefused].contains(error.code) else { throw error }
                if error.code == .enrolmentRefused { pause = Self.longestPause }
                log("\(error); asking again in \(pause) s")
            }
            wait(pause)
            pause = min(pause * 2, Self.longestPause)
        }
    }

    /// Seconds between two questions at most.
    static let longestPause = 600

    // MARK: Files

    /// A key that an earlier attempt left, or a new one.
    private func ownKey() throws(CryptoError) -> PrivateKey {
        if let tokenKey { return try PrivateKey(at: tokenKey) }
        let path = "\(folder)/key.pem"
        if access(path, F_OK) == 0 { return try PrivateKey(pemFile: path) }
        let key = try PrivateKey.generate()
        try key.write(pemFile: path)
        return key
    }

    private func ownSigningKey() throws(CryptoError) -> SigningKey {
        let path = "\(folder)/signing.pem"
        if access(path, F_OK) == 0 { return try SigningKey(pemFile: path) }
        let key = try SigningKey.generate()
        try key.write(pemFile: path)
        return key
    }

    private func write(_ grant: EnrolmentGrant) throws(CryptoError) {
        func put(_ name: String, _ text: String) throws(CryptoError) {
            try PrivateFile.write(text.utf8, to: "\(folder)/\(name)")
        }
        try put("ca.pem", grant.authority)
        try put("cert.pem", grant.certificate)
        try put("root.pub", "\(Hexadecimal.text(grant.rootKey))\n")
        try put(
            "device.conf",
            """
            # Identity of device \(device). This folder holds its private keys: keep it secret.
            id = \(device)
            broker_host = \(grant.brokerHost)
            broker_port = \(grant.brokerPort)
            topic_prefix = \(grant.topicPrefix)
            \(grant.tags.isEmpty ? "" : "tags = \(grant.tags)\n")\(tokenKey.map { "key = \($0.text)\n" } ?? "")
            """)
    }

    private static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "" }
        return String(decoding: name.prefix { $0 != 0 && $0 != 0x2E }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
