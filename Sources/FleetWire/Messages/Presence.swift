public import FleetModel

/// `dev/{id}/up/presence`, retained; also the last will with `online` false and the same session.
public struct Presence: Hashable, Sendable {
    public var online: Bool
    /// Names this start of the agent: random, 16 hexadecimal characters.
    public var boot: String
    /// Counts connections within the boot.
    public var session: UInt64
    public var facts: DeviceFacts
    /// Digests of the images on disk.
    public var images: [Digest]

    public init(online: Bool, boot: String, session: UInt64, facts: DeviceFacts, images: [Digest]) {
        self.online = online
        self.boot = boot
        self.session = session
        self.facts = facts
        self.images = images
    }
}

extension Presence: WireMessage {
    public static let byteLimit = WireLimits.controlBytes

    private enum Key: UInt64, FieldKey {
        case online = 1
        case boot, session, facts, images
        static let message: StaticString = "presence"
    }

    public var cbor: CBOR {
        .fields([
            Key.online: .bool(online), .boot: .text(boot), .session: .unsigned(session), .facts: facts.cbor,
            .images: .array(images.map(CBOR.digest)),
        ])
    }

    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            online: try fields.bool(.online), boot: try fields.text(.boot, limit: CheckedNameLimits.length),
            session: try fields.unsigned(.session), facts: try fields.value(.facts, DeviceFacts.init(cbor:)),
            images: try fields.digests(.images, limit: WireLimits.heldImages))
    }
}

extension DeviceFacts {
    private enum Key: UInt64, FieldKey {
        case hardware = 1
        case agentVersion, runtimeVersion, instructionSet, capabilities
        static let message: StaticString = "facts"
    }

    var cbor: CBOR {
        .fields([
            Key.hardware: .text(hardware), .agentVersion: .text(agentVersion), .runtimeVersion: .text(runtimeVersion),
            .instructionSet: .text(instructionSet), .capabilities: .texts(capabilities),
        ])
    }

    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            hardware: try fields.text(.hardware), agentVersion: try fields.text(.agentVersion),
            runtimeVersion: try fields.text(.runtimeVersion), instructionSet: try fields.text(.instructionSet),
            capabilities: try fields.texts(.capabilities, limit: WireLimits.listItems))
    }
}
