import FleetModel
public import FleetWire

/// How the record lies on disk: one small file of deterministic CBOR. Every later agent must read it, for the installed
/// program may be older or newer than the one that wrote it: keys may be added, and never change their meaning.
extension AgentRecord: WireMessage {
    public static let byteLimit = 4096

    private enum Key: UInt64, FieldKey {
        case chosen = 1
        case fallback, isTrial, startsLeft, startedAt, failedProgram, failedReason
        static let message: StaticString = "agent record"
    }

    public var cbor: CBOR {
        .fields([
            Key.chosen: chosen.map(CBOR.digest), .fallback: fallback.map(CBOR.digest), .isTrial: .bool(isTrial),
            .startsLeft: .integer(startsLeft), .startedAt: startedAt.map(CBOR.integer),
            .failedProgram: failed.map { .digest($0.program) }, .failedReason: failed.map { .text($0.reason) },
        ])
    }

    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init()
        chosen = try fields.optionalDigest(.chosen)
        fallback = try fields.optionalDigest(.fallback)
        isTrial = try fields.bool(.isTrial)
        startsLeft = min(Self.steadyStarts, try fields.integer(.startsLeft, in: 0...Int(Int32.max)))
        if fields.has(.startedAt) { startedAt = try fields.integer(.startedAt, in: 0...Int(Int32.max)) }
        if let program = try fields.optionalDigest(.failedProgram) {
            let reason = try fields.text(.failedReason, limit: 4 * UpdateLimits.detailLength)
            failed = AgentFailure(program: program, reason: reason)
        }
    }
}
