/// What OpenSSL says when the other side has ended a handshake, such as `… alert certificate revoked`.
enum TLSAlert {
    /// Alerts with which a broker turns a client's certificate away (RFC 8446, 6.2).
    private static let verdicts = [
        "bad certificate", "unsupported certificate", "certificate revoked", "certificate expired",
        "certificate unknown", "unknown ca", "access denied", "decrypt error", "certificate required",
    ]

    /// Whether a complaint of the library is an alert about this client's certificate. That it does not trust the broker's
    /// (`certificate verify failed`) is none.
    static func isAboutCertificate(_ complaint: String) -> Bool {
        verdicts.contains { holds(complaint, "alert \($0)") }
    }

    /// By bytes: `String.contains` of a text links the regular expressions, a megabyte of the agent.
    private static func holds(_ text: String, _ wanted: String) -> Bool {
        var rest = Substring(text).utf8
        while rest.count >= wanted.utf8.count {
            if rest.starts(with: wanted.utf8) { return true }
            rest.removeFirst()
        }
        return false
    }
}
