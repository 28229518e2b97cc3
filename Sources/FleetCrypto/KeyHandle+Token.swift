internal import COpenSSL

/// Keys that a provider of OpenSSL holds. Which providers there are says openssl.cnf, as does how a token is unlocked.
extension KeyHandle {
    /// Opens the one private key that a URI names. Nobody is asked for a PIN: it stands in openssl.cnf, or in the file
    /// of the URI's `pin-source`.
    static func open(_ location: KeyLocation) throws(CryptoError) -> KeyHandle {
        guard !location.holdsPIN else {
            throw CryptoError(
                .invalidValue,
                "\(location): a PIN does not belong here; write it to a file of mode 0600 and name that "
                    + "by pin-source=file:/PATH")
        }
        OPENSSL_init_crypto(UInt64(OPENSSL_INIT_LOAD_CONFIG), nil)
        ERR_clear_error()
        guard let store = OSSL_STORE_open(location.text, UI_null(), nil, nil, nil) else {
            throw failure(location, "cannot be opened; does openssl.cnf load the provider, and is the token there?")
        }
        defer { OSSL_STORE_close(store) }
        OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY)
        while OSSL_STORE_eof(store) == 0 {
            guard let info = OSSL_STORE_load(store) else {
                if OSSL_STORE_error(store) == 1 { break }
                continue
            }
            defer { OSSL_STORE_INFO_free(info) }
            guard let key = OSSL_STORE_INFO_get1_PKEY(info) else { continue }
            guard EVP_PKEY_is_a(key, "EC") == 1, EVP_PKEY_get_bits(key) == 256 else {
                EVP_PKEY_free(key)
                throw CryptoError(.malformed, "\(location) is no EC key on P-256")
            }
            defer { ERR_clear_error() }
            return try TokenSigner.wrap(owning: key, location)
        }
        throw failure(location, "names no private key here; is the token there, and its PIN right?")
    }

    private static func failure(_ location: KeyLocation, _ what: String) -> CryptoError {
        .openSSL("the key \(location) \(what)", .fileFailed)
    }
}
