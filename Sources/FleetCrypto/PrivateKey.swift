internal import COpenSSL

/// An ECDSA key on P-256 for TLS: what mosquitto, OpenSSL 3.0 and every peer of theirs understand.
public struct PrivateKey: Sendable {
    let handle: KeyHandle

    /// Makes a new key.
    public static func generate() throws(CryptoError) -> PrivateKey {
        PrivateKey(handle: try KeyHandle.generate(kind: EVP_PKEY_EC))
    }

    private init(handle: KeyHandle) { self.handle = handle }

    /// Reads unencrypted PEM.
    public init(pem: String) throws(CryptoError) {
        handle = try KeyHandle(privatePEM: Array(pem.utf8), kind: EVP_PKEY_EC, from: "the text")
    }

    /// Reads a PEM file.
    public init(pemFile path: String) throws(CryptoError) {
        handle = try KeyHandle(privatePEM: PrivateFile.read(path), kind: EVP_PKEY_EC, from: path)
    }

    /// Reads a PEM file, or opens what a provider of OpenSSL holds; of such a key there is no PEM.
    public init(at location: KeyLocation) throws(CryptoError) {
        handle =
            location.isURI
            ? try KeyHandle.open(location)
            : try KeyHandle(privatePEM: PrivateFile.read(location.text), kind: EVP_PKEY_EC, from: location.text)
    }

    /// The key as PKCS#8 PEM.
    public func pem() throws(CryptoError) -> String {
        String(decoding: try handle.privatePEM(), as: UTF8.self)
    }

    /// Writes the key as PKCS#8 PEM that only its owner may read (0600).
    public func write(pemFile path: String) throws(CryptoError) {
        try PrivateFile.write(handle.privatePEM(), to: path)
    }
}
