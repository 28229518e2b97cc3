internal import COpenSSL

/// TLS of a client whose key a provider of OpenSSL holds: libmosquitto reads keys from files alone, and takes a whole
/// context from who has one. As libmosquitto would do it: TLS 1.2 or newer, the peer's chain up to `caFile`, and its
/// name or address.
///
/// `@unchecked Sendable`: OpenSSL counts references to the context itself; `load` is called by one thread at a time.
public final class ClientTLS: @unchecked Sendable {
    private let pointer: OpaquePointer

    /// - Parameters:
    ///   - caFile: PEM of the authorities that may have signed the peer's certificate.
    ///   - host: name or address that the peer's certificate must hold.
    public init(caFile: String, host: String) throws(CryptoError) {
        guard let pointer = SSL_CTX_new(TLS_client_method()) else { throw .openSSL("a TLS context") }
        self.pointer = pointer
        SSL_CTX_ctrl(pointer, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
        SSL_CTX_ctrl(pointer, SSL_CTRL_MODE, Int(SSL_MODE_RELEASE_BUFFERS), nil)
        SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, nil)
        guard SSL_CTX_load_verify_file(pointer, caFile) == 1 else {
            throw .openSSL("the authority \(caFile)", .fileFailed)
        }
        let expected = SSL_CTX_get0_param(pointer)
        guard X509_VERIFY_PARAM_set1_ip_asc(expected, host) == 1 || X509_VERIFY_PARAM_set1_host(expected, host, 0) == 1
        else { throw .openSSL("the host name \(host)", .invalidValue) }
        ERR_clear_error()
    }

    deinit { SSL_CTX_free(pointer) }

    /// Reads certificate and key, for the connections that begin from now on.
    public func load(certificateFile: String, key: KeyLocation) throws(CryptoError) {
        ERR_clear_error()
        guard SSL_CTX_use_certificate_chain_file(pointer, certificateFile) == 1 else {
            throw .openSSL("the certificate \(certificateFile)", .fileFailed)
        }
        let handle = try PrivateKey(at: key).handle
        guard SSL_CTX_use_PrivateKey(pointer, handle.pointer) == 1 else {
            throw .openSSL("the certificate \(certificateFile) and the key \(key) do not belong together", .notGenuine)
        }
    }

    /// The `SSL_CTX`, which lives as long as this does.
    public var context: UnsafeMutableRawPointer { UnsafeMutableRawPointer(pointer) }
}
