internal import COpenSSL
import Glibc

/// One question and one answer over TCP, with TLS or without; the peer ends the connection.
///
/// With TLS the peer's certificate is **not** verified: what travels here proves itself (`EnrolmentGrant`), to devices
/// that cannot judge certificates yet because they know neither authorities nor the time.
public enum OneShotConnection {
    /// Seconds until a peer that does not take the connection is given up.
    private static let connectSeconds = 5

    /// Sends `request` and reads to the end.
    ///
    /// - Parameters:
    ///   - maximumBytes: a longer answer is an error.
    ///   - seconds: for everything together.
    /// - Throws: `networkFailed`; another attempt may succeed.
    public static func exchange(
        host: String, port: Int, tls: Bool, request: [UInt8], maximumBytes: Int, seconds: Int
    ) throws(CryptoError) -> [UInt8] {
        let deadline = time(nil) + time_t(seconds)
        let stream = try Stream(host: host, port: port, tls: tls)
        try stream.connect(seconds: Int32(clamping: min(seconds, connectSeconds)))
        try stream.write(request, until: deadline)
        return try stream.readAll(maximumBytes, until: deadline)
    }

    /// An OpenSSL stream to a peer, that never blocks for longer than it is told.
    private struct Stream: ~Copyable {
        private let bio: OpaquePointer
        private let context: OpaquePointer?
        private let peer: String

        init(host: String, port: Int, tls: Bool) throws(CryptoError) {
            peer = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
            context = tls ? SSL_CTX_new(TLS_client_method()) : nil
            guard let bio = tls ? BIO_new_ssl_connect(context) : BIO_new(BIO_s_connect()) else {
                SSL_CTX_free(context)
                throw .openSSL("a connection to \(peer)")
            }
            self.bio = bio
            let name = peer
            _ = name.withCString { BIO_ctrl(bio, BIO_C_SET_CONNECT, 0, UnsafeMutableRawPointer(mutating: $0)) }
            BIO_ctrl(bio, BIO_C_SET_NBIO, 1, nil)
            if let context {
                SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
                var session: OpaquePointer?
                _ = withUnsafeMutablePointer(to: &session) { BIO_ctrl(bio, BIO_C_GET_SSL, 0, $0) }
                _ = host.withCString {
                    SSL_ctrl(
                        session, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name),
                        UnsafeMutableRawPointer(mutating: $0))
                }
            }
        }

        deinit {
            BIO_free_all(bio)
            SSL_CTX_free(context)
            ERR_clear_error()
        }

        func connect(seconds: Int32) throws(CryptoError) {
            guard BIO_do_connect_retry(bio, max(1, seconds), 50) == 1 else {
                throw .openSSL("cannot connect to \(peer)", .networkFailed)
            }
        }

        func write(_ bytes: [UInt8], until deadline: time_t) throws(CryptoError) {
            var done = 0
            while done < bytes.count {
                let count = bytes[done...].withUnsafeBytes { BIO_write(bio, $0.baseAddress, Int32($0.count)) }
                if count > 0 {
                    done += Int(count)
                } else {
                    try waitToRetry(until: deadline, "sending to")
                }
            }
        }

        func readAll(_ maximum: Int, until deadline: time_t) throws(CryptoError) -> [UInt8] {
            var answer: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = BIO_read(bio, &buffer, Int32(buffer.count))
                if count > 0 {
                    answer += buffer[..<Int(count)]
                    guard answer.count <= maximum else {
                        throw CryptoError(.networkFailed, "the answer of \(peer) is longer than \(maximum) bytes")
                    }
                } else if BIO_test_flags(bio, BIO_FLAGS_SHOULD_RETRY) == 0 {
                    return answer
                } else {
                    try waitToRetry(until: deadline, "waiting for")
                }
            }
        }

        private func waitToRetry(until deadline: time_t, _ doing: String) throws(CryptoError) {
            guard BIO_test_flags(bio, BIO_FLAGS_SHOULD_RETRY) != 0 else {
                throw .openSSL("\(doing) \(peer)", .networkFailed)
            }
            guard BIO_wait(bio, deadline, 50) == 1 else {
                throw CryptoError(.networkFailed, "\(doing) \(peer): no progress in time")
            }
        }
    }
}
