/// A value that travels as deterministic CBOR: `docs/martlet.cddl` is its schema.
public protocol WireMessage: Sendable {
    /// Bytes above which a message is refused before it is read.
    static var byteLimit: Int { get }
    /// The message as a map with integer keys.
    var cbor: CBOR { get }
    /// Reads the message; unknown keys are ignored, so that later versions can add some.
    init(cbor: CBOR) throws(WireError)
}

extension WireMessage {
    /// The message's one encoding.
    public func encoded() -> [UInt8] { cbor.encoded() }

    /// Reads a message that fills all of `bytes`; anything not deterministic, too long or against the schema throws.
    public init(decoding bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.byteLimit else {
            throw WireError(.tooLarge, "\(bytes.count) bytes, at most \(Self.byteLimit)")
        }
        try self.init(cbor: CBOR(decoding: bytes))
    }
}
