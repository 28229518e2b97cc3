public import FleetModel
public import FleetWire

/// What a host tells whoever runs it, on the loop's thread: for logs, for tests and for simulations. Nothing depends on
/// its being heard.
public enum DeviceNotice: Sendable {
    case connected
    case disconnected(reason: String)
    /// An installation went on or ended.
    case phase(SlotName, InstallPhase, release: Digest?, failure: InstallFailure?, detail: String)
    /// From now on this version answers, or none.
    case serving(SlotName, VersionID?, release: Digest?)
    /// The controller's transaction holds these; the device has forgotten them.
    case acknowledged(Ack)
    /// Every chunk of a blob is on disk.
    case gathered(blob: Digest)
    /// The device's certificate is being renewed.
    case renewal(String)
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
        case .acknowledged(let ack): return ack.streams.map { Self.line($0, boot: ack.boot) }.joined(separator: "; ")
        case .gathered(let blob): return "blob \(blob.short): every chunk is here"
        case .renewal(let text), .problem(let text): return text
        }
    }

    /// `acknowledged report boot=B highest=7 holes=3..<5`: the form that the demo's ledger reads.
    private static func line(_ stream: StreamAck, boot: String) -> String {
        let holes = stream.holes.map { "\($0.lowerBound)..<\($0.upperBound)" }.joined(separator: ",")
        return "acknowledged \(stream.stream.rawValue) boot=\(boot) highest=\(stream.highest) holes=\(holes)"
    }
}
