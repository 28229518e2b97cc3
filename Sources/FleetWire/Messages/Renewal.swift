public import FleetModel

/// `dev/{id}/up/renew`: a device asks for its next certificate. The certificate request vouches for the new key, the
/// signature for the device: whoever has only its old certificate, or a broker of their own, renews nothing.
public struct RenewalRequest: Hashable, Sendable {
    /// PKCS#10 in PEM, for the device's own id.
    public var certificateRequest: String
    /// Of `transcript` by the device's key of receipts (Ed25519), as the controller has it now.
    public var signature: [UInt8]

    public init(certificateRequest: String, signature: [UInt8] = []) {
        self.certificateRequest = certificateRequest
        self.signature = signature
    }

    /// What is signed: what it is for, whose it is, and the request as it stands. No id holds a line end.
    public func transcript(of device: DeviceID) -> [UInt8] {
        Array("martlet/v1/renew\n\(device)\n\(certificateRequest)".utf8)
    }
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
        case signature = 2
        static let message: StaticString = "renew"
    }

    public var cbor: CBOR {
        .fields([Key.certificateRequest: .text(certificateRequest), Key.signature: .bytes(signature)])
    }

    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            certificateRequest: try fields.text(.certificateRequest, limit: WireLimits.certificateBytes),
            signature: try fields.bytes(.signature, limit: WireLimits.signatureBytes))
        guard signature.count == WireLimits.signatureBytes else {
            throw WireError(.outOfRange, "a signature of \(signature.count) bytes")
        }
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
