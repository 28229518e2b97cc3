public import FleetModel
import GRDB

/// A wave with how many of its devices are in each state.
public struct WaveOverview: Sendable {
    public var wave: RolloutWaveRecord
    public var counts: [RolloutDeviceState: Int]

    public var devices: Int { counts.values.reduce(0, +) }
    public var succeeded: Int { counts[.succeeded] ?? 0 }
    /// Failed, rolled back or too late.
    public var failed: Int {
        (counts[.failed] ?? 0) + (counts[.timedOut] ?? 0) + (counts[.rolledBack] ?? 0)
    }
}

/// A rollout with its waves.
public struct RolloutOverview: Sendable {
    public var rollout: RolloutRecord
    public var waves: [WaveOverview]
    public var versions: [VersionID]
    /// Who must sign before it can start; nil unless it waits for that.
    public var waitsFor: String?

    /// Why it does not go on: what stopped it, or whose signatures it waits for.
    public var reason: String? { waitsFor ?? rollout.pauseReason }

    public var devices: Int { waves.reduce(0) { $0 + $1.devices } }
    public var succeeded: Int { waves.reduce(0) { $0 + $1.succeeded } }
    public var failed: Int { waves.reduce(0) { $0 + $1.failed } }
}

/// A device of a rollout with what its slot says at the moment.
public struct RolloutDeviceOverview: Sendable {
    public var entry: RolloutDeviceRecord
    public var phase: InstallPhase?
    public var progress: Double
}

extension FleetQueries {
    /// Rollouts, newest first.
    public func rollouts(before: Int64? = nil, limit: Int) async throws -> ListPage<RolloutOverview> {
        try await database.read { database in
            var request = RolloutRecord.order(Column("id").desc).limit(limit + 1)
            if let before { request = request.filter(Column("id") < before) }
            let found = try request.fetchAll(database)
            let page = found.prefix(limit)
            return ListPage(
                items: try page.map { try Self.overview($0, database) },
                next: found.count > limit ? page.last?.id.map(String.init) : nil)
        }
    }

    public func rollout(_ id: Int64) async throws -> RolloutOverview? {
        try await database.read { database in
            try RolloutRecord.fetchOne(database, key: id).map { try Self.overview($0, database) }
        }
    }

    /// A rollout's devices, by wave and id.
    public func rolloutDevices(_ id: Int64) async throws -> [RolloutDeviceOverview] {
        try await database.read { database in
            let slots = Dictionary(
                grouping: try DeviceSlotRecord.filter(Column("rollout") == id).fetchAll(database), by: \.device)
            return try RolloutDeviceRecord.filter(Column("rollout") == id).order(Column("wave"), Column("device"))
                .fetchAll(database).map { entry in
                    let slot = slots[entry.device]?.first
                    return RolloutDeviceOverview(entry: entry, phase: slot?.phase, progress: slot?.progress ?? 0)
                }
        }
    }

    private static func overview(_ rollout: RolloutRecord, _ database: Database) throws -> RolloutOverview {
        let id = rollout.id ?? 0
        var counts: [Int: [RolloutDeviceState: Int]] = [:]
        for row in try Row.fetchAll(
            database,
            sql: "SELECT wave, state, COUNT(*) AS total FROM rollout_device WHERE rollout = ? GROUP BY wave, state",
            arguments: [id])
        {
            counts[row["wave"], default: [:]][row["state"]] = row["total"]
        }
        let waves = try RolloutWaveRecord.filter(Column("rollout") == id).order(Column("ordinal")).fetchAll(database)
        let parts = try ReleasePartRecord.filter(Column("release") == rollout.release.text).fetchAll(database)
        return RolloutOverview(
            rollout: rollout, waves: waves.map { WaveOverview(wave: $0, counts: counts[$0.ordinal] ?? [:]) },
            versions: parts.map(\.version), waitsFor: try waitsFor(rollout, database))
    }

    private static func waitsFor(_ rollout: RolloutRecord, _ database: Database) throws -> String? {
        guard rollout.state == .awaitingApproval else { return nil }
        let threshold = try TrustDocumentRecord.order(Column("number").desc).fetchOne(database)?.threshold
        guard let threshold else { return "no role document says yet who may sign" }
        let signed = try ReleaseSignatureRecord.filter(Column("release") == rollout.release).fetchAll(database)
            .map(\.key)
        let keys = try TrustedKeyRecord.filter(Column("use") == KeyUse.release && Column("revokedAt") == nil)
            .order(Column("holder")).fetchAll(database)
        let done = keys.filter { signed.contains($0.id) }.map(\.holder)
        let open = keys.filter { !signed.contains($0.id) }.map(\.holder)
        return "release '\(rollout.release)' needs the signatures of \(threshold) people"
            + (done.isEmpty ? "" : "; signed: \(done.joined(separator: ", "))")
            + "; may sign: \(open.joined(separator: ", "))"
            + (signed.count >= threshold ? "; one of them must have the role approver" : "")
    }
}
