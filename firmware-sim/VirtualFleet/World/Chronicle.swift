import FleetModel

/// What a world's assertions are judged by: who ran what and when, as devices told it, and what the controller holds in
/// the end.
struct Chronicle: Sendable {
    /// When the first rollout of a release began, by its name; milliseconds.
    var started: [String: Int64] = [:]
    /// When each device committed a release for the first time.
    var committed: [Digest: [Int: Int64]] = [:]
    /// Devices that gave a release up by themselves, and why.
    var refused: [Digest: [Int: String]] = [:]
    /// What each device serves.
    var serving: [Int: Digest] = [:]
    /// Bytes of payload that the broker sent to each device.
    var bytes: [Int: Int] = [:]
    /// The state of the newest rollout of each release.
    var rollouts: [String: String] = [:]
    var alerts: [Alert] = []
    var reportsStored = 0
    var samplesStored = 0

    struct Alert: Sendable {
        var kind: String
        var subject: String
        var title: String
    }

    func bytes(to device: Int) -> Int { bytes[device] ?? 0 }

    /// A device said where an installation stands.
    mutating func heard(
        _ device: Int, _ phase: InstallPhase, _ release: Digest?, _ failure: InstallFailure?, at time: Int64
    ) {
        guard let release else { return }
        switch phase {
        case .committed:
            if committed[release]?[device] == nil { committed[release, default: [:]][device] = time }
        case .failed, .rolledBack: refused[release, default: [:]][device] = failure?.rawValue ?? phase.rawValue
        case .idle, .fetching, .verifying, .staged, .proving, .waiting, .probation: break
        }
    }
}
