public import FleetCrypto
public import FleetModel
public import FleetStore

/// The part of the public-key infrastructure that works for devices which make their own keys.
public protocol DeviceAuthority: Sendable {
    /// SHA-256 of the authority's certificate: what claims name.
    var fingerprint: Digest { get }
    /// A certificate for the key of a request that was verified.
    func certify(_ device: DeviceID, _ request: CertificateRequest) throws -> Certificate
    /// What a device is told with its certificate, signed by the authority.
    ///
    /// - Parameters:
    ///   - root: what it is to pin if the fleet's first root was rotated away.
    ///   - tags: what releases may be bound to.
    func grant(
        _ device: DeviceID, certificate: String, root: TrustedKeyRecord?, tags: [String: String]
    ) throws -> EnrolmentGrant
    /// Ends the live session of a device at the broker, once the broker knows which certificates are revoked.
    ///
    /// - Throws: `unavailable` when the broker could not be asked.
    func endSession(of device: DeviceID) async throws
}

extension DeviceProvisioner: DeviceAuthority {
    public var authority: (any DeviceAuthority)? { self }

    public var fingerprint: Digest { pki.authority.certificate.fingerprint }

    public func certify(_ device: DeviceID, _ request: CertificateRequest) throws -> Certificate {
        try pki.issueDevice(device, for: request)
    }

    public func grant(
        _ device: DeviceID, certificate: String, root: TrustedKeyRecord?, tags: [String: String]
    ) throws -> EnrolmentGrant {
        var grant = EnrolmentGrant(
            device: device, certificate: certificate, authority: try pki.authority.certificate.pem(),
            rootKey: root.map { [UInt8]($0.publicKey) } ?? pki.rootKey.raw, brokerHost: host, brokerPort: port,
            topicPrefix: topicPrefix, tags: IssuedIdentity.text(of: tags))
        grant.signature = try pki.authority.sign(grant.transcript)
        return grant
    }

    /// A revocation list keeps a device from coming in again and leaves it in if it is in. Brokers end a session when
    /// its client id connects anew: so somebody connects under the device's name, with a certificate of minutes, and
    /// leaves. Before that a connection of the probe: a broker that answered one has taken up a list that it was told
    /// of earlier (mosquitto reads its files between two turns of its loop, and a TLS handshake takes several).
    public func endSession(of device: DeviceID) async throws {
        let broker = brokerAddress
        let probe = BrokerProbe(host: broker.host, port: broker.port, tls: pki.probeTLS)
        guard case .alive = await probe.ask() else {
            throw ControllerError(
                .unavailable, "the broker does not answer: the session of \(device) may still live",
                hint: "it ends with the broker; start the broker again, and revoke the device once more")
        }
        let answer = try await pki.withPassingIdentity(device.text) { tls in
            await BrokerProbe(host: broker.host, port: broker.port, tls: tls, clientID: device.text).ask()
        }
        if case .silent(let reason) = answer {
            throw ControllerError(
                .unavailable, "the session of \(device) could not be ended: \(reason)",
                hint: "revoke the device once more, or start the broker again")
        }
    }
}
