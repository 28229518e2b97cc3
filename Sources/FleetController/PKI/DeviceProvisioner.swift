import FleetCrypto
public import FleetModel
import Foundation

/// Issues device identities: the files that a device needs to reach the broker and to trust the fleet.
public struct DeviceProvisioner: DevicePKI {
    let pki: FleetPKI
    /// Where devices find the broker.
    let host: String
    let port: Int
    let topicPrefix: String
    /// Where the controller itself finds the broker, if not there.
    let ownHost: String?
    /// Makes the broker read the revocation list again.
    let reloadBroker: @Sendable () -> Void

    /// - Parameters:
    ///   - host: the name or address that devices dial; the broker's certificate must cover it.
    ///   - ownHost: what the controller dials, if that is another name.
    ///   - reloadBroker: called after a revocation, for example `EmbeddedBroker.reload`.
    public init(
        pki: FleetPKI, host: String, port: Int, topicPrefix: String = "martlet/v1/", ownHost: String? = nil,
        reloadBroker: @escaping @Sendable () -> Void = {}
    ) {
        self.pki = pki
        self.host = host
        self.port = port
        self.topicPrefix = topicPrefix
        self.ownHost = ownHost
        self.reloadBroker = reloadBroker
    }

    var brokerAddress: (host: String, port: Int) { (ownHost ?? host, port) }

    public func issue(_ device: DeviceID) throws -> IssuedIdentity {
        let key = try PrivateKey.generate()
        let signingKey = try SigningKey.generate()
        let certificate = try pki.issueDevice(device, key: key)
        let configuration = """
            # Identity of device \(device). This folder holds its private keys: keep it secret.
            id = \(device)
            broker_host = \(host)
            broker_port = \(port)
            topic_prefix = \(topicPrefix)

            """
        return IssuedIdentity(
            files: [
                "device.conf": configuration,
                "ca.pem": try pki.authority.certificate.pem(),
                "cert.pem": try certificate.pem(),
                "key.pem": try key.pem(),
                "signing.pem": try signingKey.pem(),
                "root.pub": "\(Hexadecimal.text(pki.rootKey.raw))\n",
            ],
            signingKey: signingKey.publicKey, certificateSerial: certificate.serial,
            expiresAt: certificate.notAfter)
    }

    public func revoke(_ device: DeviceID, serial: String?) throws {
        guard let serial else { return }
        try revoke([serial: device])
    }

    @discardableResult
    public func revoke(_ serials: [String: DeviceID]) throws -> Set<DeviceID> {
        guard !serials.isEmpty else { return [] }
        let added = try pki.revoke(serials: serials.keys.sorted())
        reloadBroker()
        return Set(added.compactMap { serials[$0] })
    }
}

extension IssuedIdentity {
    /// Writes the identity into a folder of its own (0700, keys 0600): offline provisioning.
    ///
    /// - Throws: `conflict` when the folder holds an identity already.
    public func write(to folder: String) throws {
        let path = URL(filePath: folder, directoryHint: .isDirectory)
        try FleetPKI.makePrivateFolder(path)
        let existing = files.keys.sorted().first {
            FileManager.default.fileExists(atPath: path.appending(path: $0).path())
        }
        if let existing {
            throw ControllerError(
                .conflict, "\(folder) holds \(existing) already",
                hint: "choose an empty folder, or remove that identity")
        }
        for (name, text) in files.sorted(by: { $0.key < $1.key }) {
            try PrivateFile.write(Array(text.utf8), to: path.appending(path: name).path())
        }
    }
}
