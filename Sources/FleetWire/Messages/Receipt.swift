public import FleetModel

/// The payload of a COSE_Sign message, signed by the device's own key with the context `receipt`.
extension Receipt: WireMessage {
    public static let byteLimit = WireLimits.receiptBytes

    private enum Key: UInt64, FieldKey {
        case slot = 1
        case release, image, version, counter, goldenError, latency, instructionSet, runtimeVersion, committedAt
        static let message: StaticString = "receipt"
    }

    public var cbor: CBOR {
        .fields([
            Key.slot: .name(slot), .release: .digest(release), .image: .digest(image), .version: .version(version),
            .counter: .unsigned(counter), .goldenError: .float(goldenError), .latency: .integer(latency),
            .instructionSet: .text(instructionSet), .runtimeVersion: .text(runtimeVersion),
            .committedAt: .instant(committedAt),
        ])
    }

    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            slot: try fields.name(.slot), release: try fields.digest(.release), image: try fields.digest(.image),
            version: try fields.version(.version), counter: try fields.unsigned(.counter),
            goldenError: try fields.float(.goldenError),
            latency: try fields.integer(.latency, in: 0...Int(WireLimits.integer)),
            instructionSet: try fields.text(.instructionSet), runtimeVersion: try fields.text(.runtimeVersion),
            committedAt: try fields.instant(.committedAt))
        guard goldenError.isFinite else { throw WireError(.outOfRange, "golden error: \(goldenError)") }
    }
}
