public import FleetModel
import FleetStore

/// What the public-key infrastructure does for devices: issued once, never stored here in private form.
public protocol DevicePKI: Sendable {
    /// Makes a certificate and keys for a device.
    func issue(_ device: DeviceID) throws -> IssuedIdentity
    /// Ends a device's certificate; the broker refuses it from then on.
    func revoke(_ device: DeviceID, serial: String?) throws
    /// Sees to it that certificates are on the revocation list, whether they were or not.
    ///
    /// - Parameter serials: serial numbers, and whose they are.
    /// - Returns: devices of which one was not on it.
    @discardableResult
    func revoke(_ serials: [String: DeviceID]) throws -> Set<DeviceID>
    /// What devices with keys of their own can ask; nil where nobody can.
    var authority: (any DeviceAuthority)? { get }
}

extension DevicePKI {
    public var authority: (any DeviceAuthority)? { nil }

    @discardableResult
    public func revoke(_ serials: [String: DeviceID]) throws -> Set<DeviceID> {
        for (serial, device) in serials.sorted(by: { $0.key < $1.key }) { try revoke(device, serial: serial) }
        return Set(serials.values)
    }
}

/// A device's new identity.
public struct IssuedIdentity: Sendable {
    /// Text files by name, for the device's folder: `device.conf`, `ca.pem`, `cert.pem`, `key.pem`, `signing.pem`,
    /// `root.pub`. They hold private keys: handed out once, over a protected connection, and kept nowhere.
    public var files: [String: String]
    /// Raw Ed25519 public key of `signing.pem`, 32 bytes.
    public var signingKey: [UInt8]
    /// Serial number of `cert.pem`, hexadecimal.
    public var certificateSerial: String
    /// When `cert.pem` ends.
    public var expiresAt: Instant?

    /// With the newest root to pin, if the first one was rotated away: its thief finds no new device that believes it.
    func pinning(_ root: TrustedKeyRecord?) -> IssuedIdentity {
        guard let root, files["root.pub"] != nil else { return self }
        var pinning = self
        pinning.files["root.pub"] = "\(Hexadecimal.text(root.publicKey))\n"
        return pinning
    }

    /// With these tags in `device.conf`: what releases and delegations are bound to is judged by what the device itself
    /// knows of itself, not by what a controller says of it. Tags whose text that file cannot hold are left out.
    func bound(to tags: [String: String]) -> IssuedIdentity {
        let text = Self.text(of: tags)
        guard !text.isEmpty, let configuration = files["device.conf"] else { return self }
        var bound = self
        bound.files["device.conf"] = configuration + "tags = \(text)\n"
        return bound
    }

    /// Tags as `device.conf` holds them.
    public static func text(of tags: [String: String]) -> String {
        let held = tags.filter { key, value in
            !key.isEmpty && !(key + value).contains { ",=\"#\n\r".contains($0) }
        }
        return held.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
    }

    public init(
        files: [String: String], signingKey: [UInt8], certificateSerial: String, expiresAt: Instant? = nil
    ) {
        self.files = files
        self.signingKey = signingKey
        self.certificateSerial = certificateSerial
        self.expiresAt = expiresAt
    }
}
