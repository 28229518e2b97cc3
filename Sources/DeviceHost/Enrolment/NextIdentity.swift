import FleetCrypto
import FleetModel
import Glibc
import MQTTTransport

/// The files of a device's identity while it is being renewed: beside `key.pem` and `cert.pem` lie `key.pem.next` and
/// `cert.pem.next`, and both pairs stay until the new one has connected.
struct NextIdentity {
    let current: MQTTTLS
    let device: DeviceID
    private let certificateFile: String
    private let keyFile: String

    init?(_ tls: MQTTTLS?, device: DeviceID) {
        guard let tls, let certificateFile = tls.certificateFile, let keyFile = tls.keyFile else { return nil }
        current = tls
        self.device = device
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }

    private var nextCertificateFile: String { "\(certificateFile).next" }
    /// A key in a token stays: its next certificate is for the same.
    private var isToken: Bool { KeyLocation(keyFile).isURI }
    private var nextKeyFile: String { isToken ? keyFile : "\(keyFile).next" }

    /// What to connect with to try the new identity; nil while there is none that is whole.
    var next: MQTTTLS? {
        guard Self.isPair(nextCertificateFile, nextKeyFile) else { return nil }
        return MQTTTLS(caFile: current.caFile, certificateFile: nextCertificateFile, keyFile: nextKeyFile)
    }

    /// Whether the certificate nears its end: its last third, or its last 90 days if that is shorter.
    ///
    /// A clock that is before the certificate's beginning is wrong, and says nothing.
    static func isDue(_ certificate: Certificate, at now: Instant) -> Bool {
        guard now > certificate.notBefore else { return false }
        let life = certificate.notAfter.since(certificate.notBefore)
        let lead = min(Interval(milliseconds: life.milliseconds / 3), .days(90))
        return certificate.notAfter < now.advanced(by: lead)
    }

    func isDue(at now: Instant) -> Bool {
        (try? Certificate(pemFile: certificateFile)).map { Self.isDue($0, at: now) } ?? false
    }

    /// A request for a new key, which is made once and kept until its certificate works.
    func request() throws(CryptoError) -> String {
        let key: PrivateKey
        if isToken || access(nextKeyFile, F_OK) == 0 {
            key = try PrivateKey(at: KeyLocation(nextKeyFile))
        } else {
            key = try PrivateKey.generate()
            try key.write(pemFile: nextKeyFile)
        }
        return try CertificateRequest.make(commonName: device.text, key: key).pem()
    }

    /// Keeps an answer, if the pinned authority gave it for this device and the new key.
    func keep(_ pem: String) throws(CryptoError) {
        let certificate = try Certificate(pem: pem)
        let authority = try Certificate(pemFile: current.caFile)
        let key = try PrivateKey(at: KeyLocation(nextKeyFile))
        guard certificate.commonName == device.text, certificate.isSigned(by: authority), certificate.matches(key)
        else {
            throw CryptoError(.notGenuine, "the new certificate is not ours: for '\(certificate.commonName)'")
        }
        try PrivateFile.write(pem.utf8, to: nextCertificateFile)
    }

    /// The new identity has connected: it takes the old one's place. The key is safe before the certificate follows, so
    /// a power cut in between leaves what `settle` mends.
    func promote() throws(CryptoError) {
        if !isToken { try PrivateFile.move(nextKeyFile, to: keyFile) }
        try PrivateFile.move(nextCertificateFile, to: certificateFile)
    }

    /// The pair to connect with from now on, wherever a promotion that failed has left it.
    var usable: MQTTTLS {
        for (certificate, key) in [(certificateFile, keyFile), (nextCertificateFile, keyFile)]
        where Self.isPair(certificate, key) {
            return MQTTTLS(caFile: current.caFile, certificateFile: certificate, keyFile: key)
        }
        return next ?? current
    }

    private static func isPair(_ certificateFile: String, _ keyFile: String) -> Bool {
        guard let certificate = try? Certificate(pemFile: certificateFile),
            let key = try? PrivateKey(at: KeyLocation(keyFile))
        else { return false }
        return certificate.matches(key)
    }

    /// The new identity does not connect: another attempt makes another.
    func discard() {
        unlink(nextCertificateFile)
        if !isToken { unlink(nextKeyFile) }
    }

    /// At a start: finishes a renaming that a power cut interrupted, and takes the new pair if the old has ended.
    func settle(at now: Instant) {
        if !isToken, Self.isPair(nextCertificateFile, keyFile) {
            try? PrivateFile.move(nextCertificateFile, to: certificateFile)
        } else if next != nil, let old = try? Certificate(pemFile: certificateFile), old.notAfter < now {
            try? promote()
        }
    }
}
