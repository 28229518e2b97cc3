public import FleetModel

/// What an operator hands to a device that is to join: where to ask, a secret, and which authority may answer.
///
/// As text it is an address whose fragment holds the secret, so that a QR code can carry it and no web server or proxy is
/// ever sent it: `http://10.0.0.5:8480/enrol#m1.SECRET.AUTHORITY`. The secret itself never travels: it is the seed of
/// an Ed25519 key that signs the device's request, and the controller keeps the public half alone.
public struct EnrolmentClaim: Sendable {
    /// Where the controller's HTTP API is, without a slash at its end.
    public let url: String
    /// SHA-256 of the authority's certificate (DER): the device takes an answer from nobody else.
    public let authority: Digest
    /// The device that it is for; nil if the device says its own id.
    public let device: DeviceID?
    private let secret: [UInt8]
    /// Signs the request.
    public let key: SigningKey

    /// Random bytes of the secret: 128 bits that nobody can guess, short enough for a small QR code.
    public static let secretBytes = 16
    /// Longest text that is read.
    public static let maximumBytes = 512
    private static let version = "m1"

    private init(url: String, secret: [UInt8], authority: Digest, device: DeviceID?) throws(CryptoError) {
        self.device = device
        self.url = url
        self.secret = secret
        self.authority = authority
        key = try SigningKey(seed: SHA256.hash(Array("martlet/v1/claim".utf8) + secret).bytes)
    }

    /// Makes a new claim.
    ///
    /// - Parameters:
    ///   - url: where devices reach the controller's HTTP API, `http://…` or `https://…`.
    ///   - device: the one device that it is for, if it is for one.
    public static func make(
        url: String, authority: Digest, device: DeviceID? = nil
    ) throws(CryptoError) -> EnrolmentClaim {
        let base = try checked(url)
        return try EnrolmentClaim(
            url: base, secret: SecureRandom.bytes(secretBytes), authority: authority, device: device)
    }

    /// Reads a claim's text.
    public init(_ text: String) throws(CryptoError) {
        let parts = text.split(separator: "#", omittingEmptySubsequences: false)
        guard text.utf8.count <= Self.maximumBytes, parts.count == 2, parts[0].hasSuffix("/enrol") else {
            throw Self.malformed("it is no address that ends with /enrol#m1.…")
        }
        let fields = parts[1].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard (3...4).contains(fields.count), fields[0] == Self.version else {
            throw Self.malformed("after # come m1, the secret, the authority and perhaps a device, separated by dots")
        }
        let device = fields.count == 4 ? try? DeviceID(fields[3]) : nil
        guard fields.count == 3 || device != nil else { throw Self.malformed("the device id is none") }
        guard let secret = Base64URL.bytes(fields[1]), secret.count == Self.secretBytes,
            let bytes = Base64URL.bytes(fields[2]), let authority = Digest(bytes)
        else { throw Self.malformed("the secret or the authority is cut or mistyped") }
        try self.init(
            url: Self.checked(String(parts[0].dropLast(6))), secret: secret, authority: authority, device: device)
    }

    /// Everything that a device needs. Secret until it is used.
    public var text: String {
        let fields = [Self.version, Base64URL.text(secret), Base64URL.text(authority.bytes), device?.text]
        return "\(url)/enrol#\(fields.compactMap { $0 }.joined(separator: "."))"
    }

    /// The claim's name: that of its key. Not secret.
    public var id: KeyID { key.keyID }

    /// A controller's address without a slash at its end.
    public static func checked(_ url: String) throws(CryptoError) -> String {
        var base = Substring(url)
        while base.last == "/" { base.removeLast() }
        let hasScheme = ["http://", "https://"].contains { base.hasPrefix($0) && base.count > $0.count }
        let isPlain = base.utf8.allSatisfy {
            (0x21...0x7E).contains($0) && ![0x22, 0x23, 0x3C, 0x3E, 0x3F].contains($0)
        }
        guard hasScheme, isPlain, base.utf8.count <= 256 else {
            throw CryptoError(
                .malformed,
                "'\(url.prefix(80))' is no address of a controller: write http://HOST:PORT or https://HOST, in ASCII")
        }
        return String(base)
    }

    /// Never holds the text itself: it may be a secret with a typing error.
    private static func malformed(_ why: String) -> CryptoError {
        CryptoError(.malformed, "this is no enrolment claim: \(why); copy it whole from 'martlet device claim'")
    }
}
