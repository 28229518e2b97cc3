public import FleetModel

/// The payload of a COSE_Sign message, signed by release keys with the context `release`. The SHA-256 of that signed
/// message is the release's digest.
extension ReleaseManifest: WireMessage {
    public static let byteLimit = WireLimits.manifestBytes

    private enum Key: UInt64, FieldKey {
        case format = 1
        case name, counter, created, expires, parts, dependencies, mayReturnTo, compatibility, scope
        static let message: StaticString = "release"
    }

    public var cbor: CBOR {
        .fields([
            Key.format: .integer(format), .name: .name(name), .counter: .unsigned(counter),
            .created: .instant(created), .expires: .instant(expires), .parts: .array(parts.map(\.cbor)),
            .dependencies: .array(dependencies.map(\.cbor)), .mayReturnTo: .array(mayReturnTo.map(CBOR.digest)),
            .compatibility: compatibility.cbor, .scope: .texts(scope),
        ])
    }

    /// A manifest of another format is refused: what an older reader skipped might have been a condition.
    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        let format = try fields.integer(.format, in: Self.currentFormat...Self.currentFormat)
        self.init(
            name: try fields.name(.name), counter: try fields.unsigned(.counter),
            created: try fields.instant(.created), expires: try fields.instant(.expires),
            parts: try fields.list(.parts, limit: WireLimits.slots, of: ReleasePart.init(cbor:)),
            dependencies: try fields.list(.dependencies, limit: WireLimits.listItems, of: Dependency.init(cbor:)),
            mayReturnTo: try fields.digests(.mayReturnTo, limit: WireLimits.listItems),
            compatibility: try fields.value(.compatibility, Compatibility.init(cbor:)),
            scope: try fields.texts(.scope, limit: WireLimits.listItems))
        self.format = format
        guard !parts.isEmpty, Set(parts.map(\.slot)).count == parts.count else {
            throw WireError(.outOfRange, "release.parts: one part for each slot, at least one")
        }
        guard parts.count == 1 || !parts.contains(where: \.isAgent) else {
            throw WireError(.outOfRange, "release.parts: an agent is released alone")
        }
    }
}

extension Dependency {
    /// `[version, requires]`.
    var cbor: CBOR { .array([.version(version), .version(requires)]) }

    init(cbor: CBOR) throws(WireError) {
        let items = try cbor.asTuple(2)
        self.init(version: try items[0].asVersion(), requires: try items[1].asVersion())
    }
}

extension Compatibility {
    private enum Key: UInt64, FieldKey {
        case runtime = 1
        case hardware
        static let message: StaticString = "compatibility"
    }

    var cbor: CBOR { .fields([Key.runtime: .text(runtime), .hardware: .texts(hardware)]) }

    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            runtime: try fields.text(.runtime), hardware: try fields.texts(.hardware, limit: WireLimits.listItems))
    }
}
