import FleetModel
import Foundation
import RetrainCore

/// Where a retrain policy stands on the way from triggers to a rollout.
enum RetrainJourney: Hashable, Sendable {
    /// Nothing is under way.
    case watching
    /// Training was decided at this time; the run is to be started, or found if it was before a restart.
    case training(since: Instant, reason: String, run: Int64?)
    /// A run brought a version; its release is to be made, or found.
    case releasing(run: Int64, version: VersionID)
    /// A release under the automation key's signature proves itself on the canaries of a delegation.
    case canary(run: Int64, version: VersionID, release: ReleaseName)
    /// The release waits for people's signatures.
    case approving(run: Int64, release: ReleaseName)
    /// The release is approved; its rollout is to be started, or found.
    case rollingOut(run: Int64, release: ReleaseName)
}

/// A policy's machine and its journey.
struct RetrainState: Sendable {
    var machine: RetrainMachine
    var journey: RetrainJourney

    /// As the policy's row keeps it; a fresh one from an empty object.
    init(stored text: String, policy: RetrainPolicy, at now: Instant) {
        let stored = (try? JSONDecoder().decode(StoredRetrainState.self, from: Data(text.utf8))) ?? StoredRetrainState()
        journey = stored.journey
        machine = RetrainMachine(
            policy: policy,
            snapshot: RetrainMachine.Snapshot(
                since: stored.since.map(Instant.init(milliseconds:)) ?? now, isRunning: stored.journey != .watching,
                lastEnd: stored.lastEnd.map(Instant.init(milliseconds:))))
    }

    /// JSON for the policy's row.
    func document() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(StoredRetrainState(self)), as: UTF8.self)
    }
}

/// The JSON object itself.
private struct StoredRetrainState: Codable {
    var since: Int64?
    var lastEnd: Int64?
    var phase: String?
    var decided: Int64?
    var reason: String?
    var run: Int64?
    var model: String?
    var number: Int?
    var release: String?

    init() {}

    init(_ state: RetrainState) {
        since = state.machine.snapshot.since.milliseconds
        lastEnd = state.machine.snapshot.lastEnd?.milliseconds
        switch state.journey {
        case .watching:
            phase = "watching"
        case .training(let since, let reason, let run):
            phase = "training"
            decided = since.milliseconds
            self.reason = reason
            self.run = run
        case .releasing(let run, let version):
            phase = "releasing"
            self.run = run
            model = version.model.text
            number = version.number
        case .canary(let run, let version, let release):
            phase = "canary"
            self.run = run
            model = version.model.text
            number = version.number
            self.release = release.text
        case .approving(let run, let release):
            phase = "approving"
            self.run = run
            self.release = release.text
        case .rollingOut(let run, let release):
            phase = "rollingOut"
            self.run = run
            self.release = release.text
        }
    }

    private var version: VersionID? {
        guard let model, let number else { return nil }
        return VersionID(model: ModelName(unchecked: model), number: number)
    }

    var journey: RetrainJourney {
        let name = release.map(ReleaseName.init(unchecked:))
        switch (phase, run) {
        case ("training", let run):
            return .training(since: Instant(milliseconds: decided ?? 0), reason: reason ?? "", run: run)
        case ("releasing", let run?): return version.map { .releasing(run: run, version: $0) } ?? .watching
        case ("canary", let run?):
            guard let version, let name else { return .watching }
            return .canary(run: run, version: version, release: name)
        case ("approving", let run?): return name.map { .approving(run: run, release: $0) } ?? .watching
        case ("rollingOut", let run?): return name.map { .rollingOut(run: run, release: $0) } ?? .watching
        default: return .watching
        }
    }
}
