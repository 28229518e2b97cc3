import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import RolloutCore
import Sketches

/// Applies devices' messages to the database, all of a batch in one transaction. Every step is idempotent: QoS 1,
/// reconnects and impatient devices bring the same message again.
struct IngestTransaction {
    let database: Database
    let now: Instant
    let context: ControllerContext
    var outcome = IngestOutcome()
    var changes: [ChangeEvent] = []
    /// What rollouts are to hear of the batch.
    var news: [Int64: [RolloutEvent]] = [:]
    var cursors: StreamCursors
    /// Whether a refusal of any device is open; nil until a document asks.
    var hasOpenRefusals: Bool?
    private var devices: [DeviceID: DeviceRecord] = [:]
    /// Devices whose presence came: more than the last contact has to be written of them.
    private var greeted: Set<DeviceID> = []
    private let releases: ReleaseParts

    init(database: Database, now: Instant, context: ControllerContext, releases: ReleaseParts) {
        self.releases = releases
        self.database = database
        cursors = StreamCursors(database)
        self.now = now
        self.context = context
    }

    /// Applies one message of the device that the broker's access rules let write the topic.
    mutating func apply(_ message: DeviceMessage, from id: DeviceID) throws {
        guard var device = try device(id) else {
            if try isLastWord(message, of: id) { return }
            outcome.refuse(id, "unknownDevice", "no such device, or it is revoked")
            return
        }
        switch message {
        case .presence(let presence):
            applyPresence(presence, to: &device)
            greeted.insert(id)
        case .reported(let reported): try applyReported(reported, to: &device)
        case .report(let report, let encoded): try applyReport(report, encoded, of: device)
        case .sample(let sample, let encoded): try applySample(sample, encoded, of: device)
        case .log(let log): try applyLog(log, of: device)
        case .need(let need): outcome.needs.append(need)
        case .fetch(let request): outcome.fetches.append((id, request))
        case .renew(let request): outcome.renewals.append((id, request))
        }
        device.lastSeen = now
        devices[id] = device
    }

    /// Writes what was gathered and says what to acknowledge.
    mutating func finish() throws {
        for device in devices.values.sorted(by: { $0.id < $1.id }) { try update(device) }
        try tellRollouts()
        try cursors.store()
        outcome.acks = cursors.acks
    }

    /// Writes only what devices say of themselves: the desired document is others' to change.
    private func update(_ device: DeviceRecord) throws {
        if greeted.contains(device.id) { try device.storePresence(database) } else { try device.storeSeen(database) }
    }

    /// Lets every rollout hear at once what a batch brought: its rows are read and written once, whatever number of
    /// devices spoke. The newest comes first.
    private mutating func tellRollouts() throws {
        guard !news.isEmpty else { return }
        var engine = RolloutEngine(database: database, now: now, devicePolicy: context.configuration.devicePolicy)
        for (rollout, events) in news.sorted(by: { $0.key > $1.key }) {
            let record = try RolloutRows.record(database, rollout)
            if RolloutRows.openStates.contains(record.state) { try engine.handle(record, events) }
        }
        changes += engine.effects.changes
        outcome.mustDeliver = outcome.mustDeliver || engine.effects.mustDeliver
    }

    private mutating func device(_ id: DeviceID) throws -> DeviceRecord? {
        if let known = devices[id] { return known }
        let found = try DeviceRecord.first(database, where: "id = ?", [id])
        guard let record = found, record.revokedAt == nil else { return nil }
        return record
    }

    /// The will of the session that a device's revocation ended: the broker's word, and nothing to alert people of.
    private func isLastWord(_ message: DeviceMessage, of id: DeviceID) throws -> Bool {
        guard case .presence(let presence) = message, !presence.online else { return false }
        return try DeviceRecord.first(database, where: "id = ?", [id])?.revokedAt != nil
    }

    /// The part for a slot of a release that people signed; nil for any other digest.
    func part(_ release: Digest, _ slot: SlotName) throws -> ReleasePart? {
        try releases.part(database, release, slot)?.part
    }

    // MARK: Presence

    /// A will of an earlier connection may arrive after the next connection's hello: it is told by boot and session.
    private mutating func applyPresence(_ presence: Presence, to device: inout DeviceRecord) {
        let isSameBoot = device.boot == presence.boot
        let isLater = isSameBoot ? Int64(presence.session) >= device.session : presence.online
        guard isLater else { return }
        if device.online != presence.online || !isSameBoot { changes.append(ChangeEvent(.device, device.id)) }
        device.online = presence.online
        device.boot = presence.boot
        device.session = Int64(presence.session)
        device.hardware = presence.facts.hardware
        device.agentVersion = presence.facts.agentVersion
        device.runtimeVersion = presence.facts.runtimeVersion
        device.instructionSet = presence.facts.instructionSet
        device.capabilities = presence.facts.capabilities
    }

    // MARK: Reports

    private mutating func applyReport(_ report: Report, _ encoded: [UInt8], of device: DeviceRecord) throws {
        guard let part = try part(report.release, report.slot) else {
            outcome.refuse(device.id, "unknownRelease", "a report of release \(report.release.short), not known here")
            return
        }
        guard report.features.count == part.baseline.features.count || report.features.isEmpty,
            report.predictions.count == part.classes.count || report.predictions.isEmpty
        else {
            outcome.refuse(device.id, "wrongShape", "a report whose histograms do not fit the release's baseline")
            return
        }
        let boot = StreamCursors.Boot(device: device.id, text: report.boot)
        let isNew = try !cursors.holds(report.sequence, of: .report, boot)
        if isNew {
            try ReportRecord(device: device.id, report: report, encoded: encoded, receivedAt: now).store(database)
        }
        if !isNew, context.bugs.contains(.countTwice) { try storeTwice(report, encoded, of: device) }
        try commit(report.sequence, of: .report, boot, isNew: isNew)
        guard isNew else { return }
        outcome.windows.insert(.init(device: device.id, slot: report.slot, release: report.release))
        changes.append(ChangeEvent(.report, device.id))
    }

    /// A planted bug: the same report under another key.
    private func storeTwice(_ report: Report, _ encoded: [UInt8], of device: DeviceRecord) throws {
        var copy = report
        copy.sequence += 1_000_000
        try ReportRecord(device: device.id, report: copy, encoded: encoded, receivedAt: now)
            .insert(database, onConflict: .ignore)
    }

    /// Counts a message of a stream; the acknowledgement follows the transaction.
    mutating func commit(
        _ sequence: UInt64, of stream: StreamKind, _ boot: StreamCursors.Boot, isNew: Bool
    ) throws {
        try cursors.advance(to: sequence, of: stream, boot, isNew: isNew, at: now)
        if isNew { outcome.committed += 1 } else { outcome.duplicates += 1 }
    }
}

extension ReportRecord {
    /// The row of a report.
    init(device: DeviceID, report: Report, encoded: [UInt8], receivedAt: Instant) {
        self.init(
            device: device, boot: report.boot, sequence: Int64(report.sequence), slot: report.slot,
            release: report.release, image: report.image, model: report.version.model, number: report.version.number,
            startedAt: report.start, endedAt: report.end, inferences: Int64(report.inferences),
            errors: Int64(report.errors), uncertain: Int64(report.uncertain), confidenceMean: report.confidence.mean,
            samplesOffered: Int64(report.samplesOffered), samplesChosen: Int64(report.samplesChosen),
            samplesDropped: Int64(report.samplesDropped), reportsDropped: Int64(report.reportsDropped),
            payload: Data(encoded), receivedAt: receivedAt)
    }
}
