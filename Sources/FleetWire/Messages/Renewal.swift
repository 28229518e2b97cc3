/// `dev/{id}/up/renew`: a device asks for its next certificate. The broker vouches for the device, the request for the key.
public struct RenewalRequest: Hashable, Sendable {
    /// PKCS#10 in PEM, for the device's own id.
    public var certificateRequest: String

    public init(certificateRequest: String) { self.certificateRequest = certificateRequest }
}

/// `dev/{id}/dn/certificate`: the answer. The device accepts it only from the authority that it pinned.
public struct RenewedCertificate: Hashable, Sendable {
    /// PEM.
    public var certificate: String

    public init(certificate: String) { self.certificate = certificate }
}

extension RenewalRequest: WireMessage {
    public static let byteLimit = WireLimits.controlBytes

    private enum Key: UInt64, FieldKey {
        case certificateRequest = 1
        static let message: StaticString = "renew"
    }

    public var cbor: CBOR { .fields([Key.certificateRequest: .text(certificateRequest)]) }

    public init(cbor: CBOR) throws(WireError) {
        self.init(
            certificateRequest: try Fields<Key>(cbor).text(.certificateRequest, limit: WireLimits.certificateBytes))
    }
}

extension RenewedCertificate: WireMessage {
    public static let byteLimit = WireLimits.controlBytes

    private enum Key: UInt64, FieldKey {
        case certificate = 1
        static let message: StaticString = "certificate"
    }

    public var cbor: CBOR { .fields([Key.certificate: .text(certificate)]) }

    public init(cbor: CBOR) throws(WireError) {
        self.init(certificate: try Fields<Key>(cbor).text(.certificate, limit: WireLimits.certificateBytes))
    }
}
