import FleetController
import FleetModel
import FleetStore
import Foundation

/// Records as the API writes them: times as ISO 8601, digests as hexadecimal, bytes as Base64.
extension JSONValue {
    static func time(_ instant: Instant) -> JSONValue { .string(ISO8601.text(instant)) }
    static func time(_ instant: Instant?) -> JSONValue { instant.map { .string(ISO8601.text($0)) } ?? .null }
    static func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
    static func digest(_ digest: Digest?) -> JSONValue { digest.map { .string($0.hex) } ?? .null }
    static func count(_ value: some BinaryInteger) -> JSONValue { .integer(Int64(value)) }
    static func count(_ value: (some BinaryInteger)?) -> JSONValue { value.map { .integer(Int64($0)) } ?? .null }
    static func base64(_ data: Data) -> JSONValue { .string(data.base64EncodedString()) }
    static func strings(_ texts: some Sequence<String>) -> JSONValue { .array(texts.map(JSONValue.string)) }
    static func tags(_ tags: [String: String]) -> JSONValue { .object(tags.mapValues(JSONValue.string)) }
    /// A JSON text that the store keeps as it came.
    static func document(_ json: String) -> JSONValue { .object(MetricText.object(json)) }
    /// Finite numbers; anything else is null, which JSON has no number for.
    static func real(_ value: Double) -> JSONValue { value.isFinite ? .number(value) : .null }

    /// A page of a list.
    static func list(_ items: [JSONValue], next: String? = nil) -> JSONValue {
        var members: [String: JSONValue] = ["items": .array(items)]
        if let next { members["next"] = .string(next) }
        return .object(members)
    }

    init(_ input: FrameDescription) {
        self = [
            "kind": .string(input.kind.rawValue), "steps": .count(input.steps), "width": .count(input.width),
            "channels": .array(input.channels.map { ["name": .string($0.name), "unit": .string($0.unit)] }),
        ]
    }

    init(_ overview: DeviceOverview, labels: [Digest: ReleaseLabel]) {
        let device = overview.device
        self = [
            "id": .string(device.id.text), "tags": .tags(overview.tags), "station": .text(device.station?.text),
            "hardware": .string(device.hardware), "online": .bool(device.online), "lastSeen": .time(device.lastSeen),
            "createdAt": .time(device.createdAt), "revokedAt": .time(device.revokedAt),
            "agentVersion": .text(device.agentVersion), "runtimeVersion": .text(device.runtimeVersion),
            "instructionSet": .text(device.instructionSet), "generation": .count(device.generation),
            "observedGeneration": .count(device.observedGeneration),
            "slots": .array(overview.slots.map { JSONValue($0, labels: labels) }),
            "drift": overview.drift.map { JSONValue($0) } ?? .null,
            "recentInferences": .count(overview.recentInferences),
        ]
    }

    init(_ slot: DeviceSlotRecord, labels: [Digest: ReleaseLabel]) {
        self = [
            "slot": .string(slot.slot.text), "phase": .string(slot.phase.rawValue), "progress": .real(slot.progress),
            "failure": .text(slot.failure?.rawValue), "detail": .string(slot.detail),
            "champion": .digest(slot.champion),
            "version": .text(slot.champion.flatMap { labels[$0]?.version.description }),
            "desired": .digest(slot.desiredRelease), "previous": .digest(slot.previous),
            "reportedAt": .time(slot.reportedAt),
        ]
    }

    init(_ point: DriftPointRecord) {
        self = [
            "device": .string(point.device.text), "feature": .string(point.feature), "at": .time(point.at),
            "psi": .real(point.psi), "threshold": .real(point.threshold), "ratio": .real(point.ratio),
            "inferences": .count(point.inferences),
        ]
    }

    init(_ overview: RolloutOverview) {
        let rollout = overview.rollout
        self = [
            "id": .count(rollout.id ?? 0), "release": .string(rollout.release.text),
            "versions": .strings(overview.versions.map(\.description)),
            "selector": .string(rollout.selector.description),
            "activation": .string(rollout.activation.storedText), "state": .string(rollout.state.rawValue),
            "reason": .text(overview.reason), "wave": .count(rollout.wave), "devices": .count(overview.devices),
            "succeeded": .count(overview.succeeded), "failed": .count(overview.failed),
            "waves": .array(overview.waves.map { JSONValue($0) }), "trainingRun": .count(rollout.trainingRun),
            "createdAt": .time(rollout.createdAt), "createdBy": .string(rollout.createdBy),
            "startedAt": .time(rollout.startedAt), "endedAt": .time(rollout.endedAt),
        ]
    }

    init(_ overview: WaveOverview) {
        let wave = overview.wave
        self = [
            "name": .string(wave.name), "share": .real(wave.cumulativeShare),
            "selector": .string(wave.selector.description), "minimumReceipts": .real(wave.minimumReceipts),
            "maximumFailures": .real(wave.maximumFailures),
            "soakSeconds": .number(Double(wave.soak.milliseconds) / 1000),
            "deadlineSeconds": .number(Double(wave.deadline.milliseconds) / 1000), "devices": .count(overview.devices),
            "succeeded": .count(overview.succeeded), "failed": .count(overview.failed),
            "startedAt": .time(wave.startedAt), "endedAt": .time(wave.endedAt),
        ]
    }

    init(_ device: RolloutDeviceOverview) {
        let entry = device.entry
        self = [
            "device": .string(entry.device.text), "wave": .count(entry.wave), "state": .string(entry.state.rawValue),
            "phase": .text(device.phase?.rawValue), "progress": .real(device.progress),
            "failure": .text(entry.failure?.rawValue), "detail": .string(entry.detail),
            "offeredAt": .time(entry.offeredAt), "endedAt": .time(entry.endedAt),
        ]
    }
}
