/// Where a private key is: a PEM file's path, or the URI of a key that some provider of OpenSSL holds, such as
/// `pkcs11:token=fleet;object=tls` or `handle:0x81000001` (tpm2-openssl). Such a key never leaves its token.
public struct KeyLocation: Equatable, Sendable, CustomStringConvertible {
    /// Path or URI.
    public let text: String

    public init(_ text: String) { self.text = text }

    /// Whether it is a URI: letters, digits, `+ - .` and a colon come before anything else (RFC 3986, 3.1).
    public var isURI: Bool {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")), colon != text.startIndex else { return false }
        return text.utf8[..<colon].allSatisfy { byte in
            (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || [0x2B, 0x2D, 0x2E].contains(byte)
        }
    }

    /// For people and logs: without the query of a URI (RFC 7512), where a PIN may stand.
    public var description: String { isURI ? String(text.prefix { $0 != "?" }) : text }

    /// Whether a PIN stands in the URI itself, where configuration files and process lists show it.
    var holdsPIN: Bool {
        guard let query = text.utf8.firstIndex(of: UInt8(ascii: "?")) else { return false }
        return text.utf8[query...].split { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "&") }
            .contains { $0.starts(with: "pin-value=".utf8) }
    }
}
