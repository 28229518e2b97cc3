internal import COpenSSL

/// What can go wrong with keys, signatures and certificates. No message ever holds secret bytes.
public struct CryptoError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Stable codes: scripts and tests may compare them.
    public enum Code: String, Sendable {
        /// OpenSSL failed where it should not: the context has its words.
        case openSSLFailed = "crypto.openSSLFailed"
        /// The input is not what it claims to be (PEM, raw key, stored hash, request).
        case malformed = "crypto.malformed"
        /// A signature, a request's proof of possession or a key that does not match.
        case notGenuine = "crypto.notGenuine"
        /// A file could not be read or written.
        case fileFailed = "crypto.fileFailed"
        /// A peer could not be reached, or did not answer in time.
        case networkFailed = "crypto.networkFailed"
        /// A name or a range that may not enter a certificate.
        case invalidValue = "crypto.invalidValue"
    }

    public let code: Code
    /// What happened, where, and what to do about it.
    public let context: String

    public init(_ code: Code, _ context: String) {
        self.code = code
        self.context = context
    }

    public var description: String { "\(code.rawValue): \(context)" }

    /// An error with the oldest entry of OpenSSL's error queue, which is emptied.
    static func openSSL(_ doing: String, _ code: Code = .openSSLFailed) -> CryptoError {
        var text = [CChar](repeating: 0, count: 256)
        let number = ERR_get_error()
        ERR_clear_error()
        guard number != 0 else { return CryptoError(code, doing) }
        ERR_error_string_n(number, &text, text.count)
        return CryptoError(code, "\(doing): \(string(of: text))")
    }

    private static func string(of text: [CChar]) -> String {
        String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
