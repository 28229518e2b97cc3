public import FleetCrypto
public import FleetModel
public import FleetWire
public import MQTTTransport

/// Everything that a device's host needs to know before it starts.
public struct DeviceConfiguration: Sendable {
    /// The device: MQTT client id and, under TLS, the certificate's common name.
    public var device: DeviceID
    /// Folder of all durable state; made if it does not exist. One host at a time uses it.
    public var folder: String
    public var brokerHost: String
    public var brokerPort: Int
    /// Mutual TLS; nil only on a broker that tests run.
    public var tls: MQTTTLS?
    public var topics: Topics
    /// Signs receipts; its public half was registered when the device was provisioned.
    public var signingKey: SigningKey
    /// The pinned root: it alone may say who signs releases.
    public var rootKey: TrustedKey
    /// Name that releases may be bound to.
    public var hardware: String
    /// Tags that releases may be bound to. The controller's own tags of the device are not taken from here.
    public var tags: [String: String]
    public var limits: DeviceLimits
    /// Samples that wait on the disk are encrypted under a key made of the signing key.
    public var sealsSamples = false
    /// Seed of sampling and of reconnect jitter; nil takes a random one.
    public var seed: UInt64?

    public init(
        device: DeviceID, folder: String, brokerHost: String, brokerPort: Int, tls: MQTTTLS?,
        signingKey: SigningKey, rootKey: TrustedKey, topics: Topics = Topics(), hardware: String = Self.ownHardware,
        tags: [String: String] = [:], limits: DeviceLimits = DeviceLimits(), seed: UInt64? = nil
    ) {
        self.device = device
        self.folder = folder
        self.brokerHost = brokerHost
        self.brokerPort = brokerPort
        self.tls = tls
        self.signingKey = signingKey
        self.rootKey = rootKey
        self.topics = topics
        self.hardware = hardware
        self.tags = tags
        self.limits = limits
        self.seed = seed
    }

    /// Where the key of TLS is.
    var tlsKey: KeyLocation? { tls?.keyFile.map { KeyLocation($0) } }

    /// What this build runs on.
    public static var ownHardware: String {
        #if arch(x86_64)
            "x86_64-generic"
        #elseif arch(arm64)
            "arm64-generic"
        #else
            "other"
        #endif
    }

    /// Reads an identity folder as `martlet device provision` writes it: `device.conf`, `ca.pem`, `cert.pem`, `key.pem`,
    /// `signing.pem` and `root.pub`. With `key = URI` in `device.conf` a provider of OpenSSL holds the key of TLS, and
    /// there is no `key.pem`.
    ///
    /// - Parameters:
    ///   - identity: that folder.
    ///   - folder: of the durable state.
    public init(identity: String, folder: String) throws(DeviceError) {
        var file = try KeyValueFile(path: "\(identity)/device.conf")
        try self.init(identity: identity, file: &file, folder: folder)
    }

    /// Reads an identity whose `device.conf` is open already, and the keys from it; the file must hold no others.
    init(identity: String, file: inout KeyValueFile, folder: String) throws(DeviceError) {
        let device = file.value("id", expected: "a device id (1 to 64 of A-Z a-z 0-9 _ -)") { try? DeviceID($0) }
        let host = file.required("broker_host")
        let port = file.integer("broker_port", in: 1...65535)
        let prefix = file.text("topic_prefix") ?? Topics.standardPrefix
        let hardware = file.text("hardware") ?? Self.ownHardware
        let key = file.value("key", expected: "the URI of a key in a token, such as pkcs11:token=fleet;object=tls") {
            KeyLocation($0).isURI ? $0 : nil
        }
        let tags = file.value("tags", expected: "tags such as side=L,line=4", parse: Self.tags) ?? [:]
        if device == nil { _ = file.required("id") }
        if port == nil { _ = file.required("broker_port") }
        try file.finish()
        guard let device, let port else {
            throw DeviceError(.invalidConfiguration, "\(file.name): id and broker_port are needed")
        }
        do throws(CryptoError) {
            let signing = try SigningKey(pemFile: "\(identity)/signing.pem")
            let root = try VerificationKey(hexFile: "\(identity)/root.pub").trusted(holder: "root")
            self.init(
                device: device, folder: folder, brokerHost: host, brokerPort: port,
                tls: MQTTTLS(
                    caFile: "\(identity)/ca.pem", certificateFile: "\(identity)/cert.pem",
                    keyFile: key ?? "\(identity)/key.pem"),
                signingKey: signing, rootKey: root, topics: Topics(prefix: prefix), hardware: hardware, tags: tags)
        } catch {
            throw DeviceError(.invalidConfiguration, error.context)
        }
    }

    /// Reads `key=value,key=value`; nil for anything else.
    static func tags(_ text: String) -> [String: String]? {
        var tags: [String: String] = [:]
        for pair in text.split(separator: ",") {
            guard let equals = pair.firstIndex(of: "="), equals != pair.startIndex else { return nil }
            tags[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
        }
        return tags
    }
}
