public import FleetModel
public import FleetStore

/// A release with all that belongs to it.
public struct ReleaseDetail: Sendable {
    public var record: ReleaseRecord
    public var manifest: ReleaseManifest
    public var signatures: [ReleaseSignatureRecord]
    public var approvals: [ApprovalRecord]
    public var datasets: [ReleaseDatasetRecord]
    /// Distinct release keys that it needs.
    public var threshold: Int
    /// Versions that its own versions need and that are not in it: it stays `candidate` until there are none.
    public var missingDependencies: [VersionID]
}

/// What an operator asks a release to be.
public struct ReleaseRequest: Sendable {
    /// nil: made of the first version's model and number.
    public var name: ReleaseName?
    /// Which version fills which slot.
    public var versions: [SlotName: VersionID]
    /// How long devices may begin to install it.
    public var lifetime: Interval
    public var compatibility: Compatibility
    /// Groups (tag selectors) that it is bound to; empty means any device.
    public var scope: [String]
    public var note: String

    public init(
        name: ReleaseName? = nil, versions: [SlotName: VersionID], lifetime: Interval = .minutes(90 * 24 * 60),
        compatibility: Compatibility = Compatibility(), scope: [String] = [], note: String = ""
    ) {
        self.name = name
        self.versions = versions
        self.lifetime = lifetime
        self.compatibility = compatibility
        self.scope = scope
        self.note = note
    }
}
