import FleetModel
import Foundation
import RetrainCore
import Training

/// A retrain policy as the HTTP API takes it.
struct RetrainDocument: Codable, Hashable, Sendable {
    struct Drift: Codable, Hashable, Sendable {
        /// Drifted devices of one group, at least 1. Default 1.
        var devices: Int?
        /// Their share of the group's devices that have a verdict, 0...1. Default 0.
        var share: Double?
    }
    struct Accuracy: Codable, Hashable, Sendable {
        /// How far below the promise the interval's upper end must lie, 0...1. Default 0.05.
        var tolerance: Double?
        /// Annotations that an estimate needs to count. Default 30.
        var labels: Int?
    }
    struct Annotations: Codable, Hashable, Sendable {
        /// New annotations since the last run, at least 1.
        var count: Int
    }
    struct Schedule: Codable, Hashable, Sendable {
        /// Seconds from the start of one run to the next, at least 1.
        var everySeconds: Int
    }
    struct Triggers: Codable, Hashable, Sendable {
        var drift: Drift?
        var accuracy: Accuracy?
        var annotations: Annotations?
        var schedule: Schedule?
    }
    struct WaveDocument: Codable, Hashable, Sendable {
        var name: String
        /// Of all devices, with the waves before it, 0...1.
        var share: Double
        var selector: String?
        var minimumReceipts: Double?
        var maximumFailures: Double?
        var soakSeconds: Int?
        var deadlineSeconds: Int?
    }
    struct RolloutDocument: Codable, Hashable, Sendable {
        var selector: String?
        var waves: [WaveDocument]
    }

    var model: String
    /// Default: the dataset that the champion was trained on.
    var dataset: String?
    /// Which of its frames and samples; default: those of the champion's dataset version.
    var selector: String?
    var triggers: Triggers
    /// `any` (default) or `all`.
    var require: String?
    /// Default 3600.
    var cooldownSeconds: Int?
    /// Default `builtin`.
    var trainer: String?
    /// The trainer's own configuration.
    var parameters: [String: JSONFragment]?
    /// Default 1.
    var seed: UInt64?
    var gates: GatesDocument?
    /// Without it the release waits for people to roll it out.
    var rollout: RolloutDocument?

    /// Reads and checks a policy's document; `kind` and `enabled` beside it are the API's own.
    init(document: Data) throws(ControllerError) {
        do {
            self = try JSONDecoder().decode(RetrainDocument.self, from: document)
        } catch {
            throw ControllerError(.invalid, "the retrain policy cannot be read: \(error)", hint: "see docs/policies.md")
        }
        try check()
    }

    private func check() throws(ControllerError) {
        guard (try? ModelName(model)) != nil else { throw ControllerError(.invalid, "'\(model)' is no model's name") }
        _ = try policy()
        guard
            triggers.drift != nil || triggers.accuracy != nil || triggers.annotations != nil || triggers.schedule != nil
        else {
            throw ControllerError(
                .invalid, "a retrain policy needs a trigger", hint: "drift, accuracy, annotations or schedule")
        }
        let limits = [
            ("triggers.drift.devices", triggers.drift?.devices),
            ("triggers.accuracy.labels", triggers.accuracy?.labels),
            ("triggers.annotations.count", triggers.annotations?.count),
            ("triggers.schedule.everySeconds", triggers.schedule?.everySeconds),
        ]
        for (name, value) in limits where (value ?? 1) < 1 {
            throw ControllerError(.invalid, "\(name) must be at least 1")
        }
        for share in [triggers.drift?.share, triggers.accuracy?.tolerance] where !(0...1).contains(share ?? 0) {
            throw ControllerError(.invalid, "drift.share and accuracy.tolerance are between 0 and 1")
        }
        try gates?.check()
        guard (cooldownSeconds ?? 0) >= 0 else { throw ControllerError(.invalid, "cooldownSeconds is negative") }
        if let selector { _ = try Self.selector(selector) }
        _ = try rolloutWaves()
        if (trainer ?? TrainingService.builtIn) == TrainingService.builtIn {
            do { _ = try JobFolder.parameters(Array(try parameterText().utf8)) } catch let error as TrainingError {
                throw ControllerError(.invalid, error.message)
            } catch {
                throw ControllerError(.invalid, "\(error)")
            }
        }
    }

    static func selector(_ text: String) throws(ControllerError) -> Selector {
        do { return try Selector(text) } catch { throw ControllerError(.invalid, error.description) }
    }

    // MARK: - As values

    func policy() throws(ControllerError) -> RetrainPolicy {
        guard let requirement = RetrainPolicy.Requirement(rawValue: require ?? "any") else {
            throw ControllerError(.invalid, "require is '\(require ?? "")', not any or all")
        }
        return RetrainPolicy(
            triggers: RetrainTriggers(
                drift: triggers.drift.map { DriftTrigger(devices: $0.devices ?? 1, share: $0.share ?? 0) },
                accuracy: triggers.accuracy.map {
                    AccuracyTrigger(tolerance: $0.tolerance ?? 0.05, labels: $0.labels ?? 30)
                }, annotations: triggers.annotations?.count,
                schedule: triggers.schedule.map { .seconds(Int64($0.everySeconds)) }), require: requirement,
            coolDown: .seconds(Int64(cooldownSeconds ?? 3600)), gates: (gates ?? GatesDocument(CandidateGates())).gates)
    }

    func parameterText() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(parameters ?? [:]), as: UTF8.self)
    }

    /// The rollout that follows an approved release; nil without one.
    func rolloutWaves() throws(ControllerError) -> (selector: Selector, waves: [Wave])? {
        guard let rollout else { return nil }
        guard (1...ControllerLimits.waves).contains(rollout.waves.count) else {
            throw ControllerError(.invalid, "a rollout has 1 to \(ControllerLimits.waves) waves")
        }
        var waves: [Wave] = []
        for wave in rollout.waves {
            waves.append(
                Wave(
                    name: wave.name, cumulativeShare: wave.share, selector: try Self.selector(wave.selector ?? "*"),
                    gate: Gate(
                        minimumReceipts: wave.minimumReceipts ?? 1, maximumFailures: wave.maximumFailures ?? 0,
                        soak: .seconds(Int64(wave.soakSeconds ?? 0))),
                    deadline: .seconds(Int64(wave.deadlineSeconds ?? 1800))))
        }
        return (try Self.selector(rollout.selector ?? "*"), waves)
    }
}

/// Any JSON value, carried through as it is.
enum JSONFragment: Codable, Hashable, Sendable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    case text(String)
    case list([JSONFragment])
    case object([String: JSONFragment])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([JSONFragment].self) {
            self = .list(value)
        } else {
            self = .object(try container.decode([String: JSONFragment].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .boolean(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .list(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}
