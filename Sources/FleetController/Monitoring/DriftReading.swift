import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Sketches

/// A window judged: what is stored and said of it.
struct DriftReading: Sendable {
    var device: DeviceID
    var slot: SlotName
    var release: ReleaseName
    var digest: Digest
    var part: ReleasePart
    var window: DriftWindow
    var verdict: DriftVerdict

    /// Reads the newest reports of a window back to its span.
    ///
    /// - Returns: nil if the release is not known or nothing was reported.
    static func read(
        _ database: Database, _ key: IngestOutcome.Window, _ releases: ReleaseParts
    ) throws -> DriftReading? {
        guard let (name, part) = try releases.part(database, key.release, key.slot) else { return nil }
        var window = DriftWindow(baseline: part.baseline)
        let reports = try ReportRecord.filter(
            Column("device") == key.device && Column("slot") == key.slot && Column("release") == key.release
                && Column("inferences") > 0
        ).order(Column("endedAt").desc, Column("sequence").desc).fetchCursor(database)
        while !window.isFull, let record = try reports.next() {
            try window.merge(Report(decoding: [UInt8](record.payload)))
        }
        guard window.reports > 0 else { return nil }
        return DriftReading(
            device: key.device, slot: key.slot, release: name, digest: key.release, part: part, window: window,
            verdict: try window.verdict())
    }

    /// A metric's name for people: the channel, its statistic unless that is every reading, or `predictions`.
    func name(_ subject: DriftMetric.Subject) -> String {
        guard case .feature(let index) = subject, part.baseline.features.indices.contains(index) else {
            return "predictions"
        }
        let feature = part.baseline.features[index]
        let channel =
            part.input.channels.indices.contains(feature.channel)
            ? part.input.channels[feature.channel].name : "channel \(feature.channel)"
        return feature.statistic == .reading ? channel : "\(channel) \(feature.statistic.rawValue)"
    }

    /// Rows for the charts; a threshold of 0 means that there is none.
    func points(at now: Instant) -> [DriftPointRecord] {
        verdict.metrics.map { metric in
            DriftPointRecord(
                device: device, slot: slot, release: digest, feature: name(metric.subject), at: now, psi: metric.psi,
                threshold: metric.threshold.isFinite ? metric.threshold : 0, inferences: Int64(verdict.inferences))
        }
    }

    var fingerprint: String { Self.fingerprint(device, slot) }

    static func fingerprint(_ device: DeviceID, _ slot: SlotName) -> String { "drift/\(device)/\(slot)" }

    /// The alert of a drifted window.
    var condition: AlertCondition {
        let reasons = verdict.reasons.map { metric in
            "\(name(metric.subject)) \(Self.number(metric.ratio)) times its threshold"
                + " (PSI \(Self.number(metric.psi)) over \(Self.number(metric.threshold)))"
        }
        return AlertCondition(
            fingerprint: fingerprint, kind: .drift, severity: .warning, subject: device.text,
            title: "\(device) has drifted",
            reason: "\(reasons.joined(separator: ", ")); \(verdict.inferences) inferences of release \(release).",
            action: "Look at how its sensors are mounted; if the change is real, label its samples and retrain.")
    }

    private static func number(_ value: Double) -> String { String(format: "%.2f", value) }
}
