/// Who may sign: a document that the offline root signs and every device checks against the root key that it pins.
public struct TrustRoles: Hashable, Sendable {
    /// Rises with every document; a device refuses one that is below what it holds.
    public var number: UInt64
    public var expires: Instant
    public var releaseKeys: [TrustedKey]
    /// Distinct release keys that must have signed a manifest (k of n).
    public var threshold: Int
    /// Signed ``RootRotation``s, oldest first: the way from any root key that a device may still pin to the one that
    /// signed this document.
    public var rotations: [[UInt8]]
    /// Keys whose word on the time a device believes, up to ``expires``.
    public var timeKeys: [TrustedKey]
    public var delegations: [Delegation]

    public init(
        number: UInt64, expires: Instant, releaseKeys: [TrustedKey], threshold: Int, rotations: [[UInt8]] = [],
        timeKeys: [TrustedKey] = [], delegations: [Delegation] = []
    ) {
        self.number = number
        self.expires = expires
        self.releaseKeys = releaseKeys
        self.threshold = threshold
        self.rotations = rotations
        self.timeKeys = timeKeys
        self.delegations = delegations
    }
}

/// A public Ed25519 key with the person who holds its private half.
public struct TrustedKey: Hashable, Sendable {
    public var id: KeyID
    /// 32 bytes (RFC 8032).
    public var publicKey: [UInt8]
    public var holder: String

    public init(id: KeyID, publicKey: [UInt8], holder: String) {
        self.id = id
        self.publicKey = publicKey
        self.holder = holder
    }
}

/// The next root key. Valid under the signatures of the root before it *and* of itself (TUF, "root rotation"), so
/// neither a thief of the old key alone nor a slip of the pen can take a fleet away.
public struct RootRotation: Hashable, Sendable {
    /// Counts the fleet's root keys: the first is 1, the one that replaces it 2.
    public var number: UInt64
    public var key: TrustedKey

    public init(number: UInt64, key: TrustedKey) {
        self.number = number
        self.key = key
    }
}

/// What an automation key may do alone: unattended retraining reaches this far, and people's signatures are needed
/// beyond.
public struct Delegation: Hashable, Sendable {
    public var key: TrustedKey
    /// Models whose releases the key may sign; every part of a release must be of one of them.
    public var models: [ModelName]
    /// Devices that it may reach, in the text form of a ``Selector``.
    public var group: String
    /// Share of those devices that runs what the key signed, 0...1. Which ones these are is fixed for each key
    /// (``CanaryDraw``), so that many releases reach no more devices than one.
    public var canaryShare: Float
    public var expires: Instant

    public init(key: TrustedKey, models: [ModelName], group: String, canaryShare: Float, expires: Instant) {
        self.key = key
        self.models = models
        self.group = group
        self.canaryShare = canaryShare
        self.expires = expires
    }
}

/// Which devices are an automation key's canaries. Device and controller both decide it from public names alone.
public enum CanaryDraw {
    /// The bytes whose SHA-256 places a device.
    public static func message(key: KeyID, device: DeviceID) -> [UInt8] {
        Array("martlet/v1/canary/\(key)/\(device)".utf8)
    }

    /// Whether the device with this SHA-256 of ``message(key:device:)`` is within `share`, 0...1.
    public static func contains(_ digest: Digest, share: Float) -> Bool {
        let top = digest.bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
        // 2^32 steps: a share of 1 takes everybody, a share of 0 nobody.
        return Double(top) < Double(share) * 4_294_967_296
    }
}
