public import FleetModel

/// What a host tells whoever runs it, on the loop's thread: for logs, for tests and for simulations. Nothing depends on
/// its being heard.
public enum DeviceNotice: Sendable {
    case connected
    case disconnected(reason: String)
    /// An installation went on or ended.
    case phase(SlotName, InstallPhase, release: Digest?, failure: InstallFailure?, detail: String)
    /// From now on this version answers, or none.
    case serving(SlotName, VersionID?, release: Digest?)
    /// Something was refused or failed; work goes on.
    case problem(String)
}

extension DeviceNotice: CustomStringConvertible {
    public var description: String {
        switch self {
        case .connected: return "connected to the broker"
        case .disconnected(let reason): return "disconnected: \(reason)"
        case .phase(let slot, let phase, let release, let failure, let detail):
            let failure = failure.map { " \($0.rawValue)" } ?? ""
            return
                "slot \(slot): \(phase.rawValue) \(release?.short ?? "-")\(failure)\(detail.isEmpty ? "" : ": \(detail)")"
        case .serving(let slot, let version, let release):
            return "slot \(slot): serving \(version?.description ?? "nothing") \(release?.short ?? "")"
        case .problem(let text): return text
        }
    }
}
