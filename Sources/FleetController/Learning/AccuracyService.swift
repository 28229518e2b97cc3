import FleetModel
import FleetStore
import FleetWire
import GRDB
import Logging
import Training

/// Estimates each group's accuracy from annotated samples and the probabilities with which they were chosen, and alerts
/// when it is below what the release promised.
struct AccuracyService: Sendable {
    /// The key of the group of all devices.
    static let everyone = "*"
    /// Annotations below which no estimate is stored: its interval would span nearly everything.
    static let minimumLabels = 10
    /// How often new annotations are looked for.
    static let interval = Duration.seconds(1)

    let context: ControllerContext

    /// A group of one version.
    private struct Key: Hashable, Comparable {
        var version: VersionID
        var group: String

        static func < (a: Key, b: Key) -> Bool { (a.version, a.group) < (b.version, b.group) }
    }

    /// Works until the task is cancelled. Annotations and releases change rarely and in bursts, so the newest are asked
    /// for.
    func run() async {
        var seen: [Int64] = []
        while !Task.isCancelled {
            do {
                let newest = try await context.read { database in
                    [
                        try Int64.fetchOne(database, sql: "SELECT max(id) FROM annotation") ?? 0,
                        try Int64.fetchOne(database, sql: "SELECT max(withdrawnAt) FROM annotation") ?? 0,
                        try Int64.fetchOne(
                            database, sql: "SELECT max(counter) FROM release WHERE stage = ?",
                            arguments: [ReleaseStage.released]) ?? 0,
                    ]
                }
                if newest != seen {
                    try await update()
                    seen = newest
                }
            } catch {
                context.logFailure(of: "accuracy", error)
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// Estimates anew for all groups of all versions with annotations: reads and reckons in a snapshot, so that only the
    /// few new rows wait for the database's one writer.
    func update() async throws {
        let now = context.now()
        let tags = context.configuration.groupTags
        let estimates = try await context.read { try Self.estimates($0, tags: tags) }
        try await context.write { database, changes in
            for (key, estimate) in estimates {
                try Self.store(database, key, estimate, at: now, changes: &changes)
            }
        }
    }

    private static func estimates(_ database: Database, tags: [String]) throws -> [(Key, AccuracyEstimate)] {
        try AccuracyStrata.read(database, tags: tags).sorted { $0.key < $1.key }.flatMap { version, strata in
            strata.groups(everyone: Self.everyone).compactMap { group, parts in
                guard parts.reduce(0, { $0 + $1.samples.count }) >= Self.minimumLabels else { return nil }
                return AccuracyEstimate(strata: parts).map { (Key(version: version, group: group), $0) }
            }
        }
    }

    private static func store(
        _ database: Database, _ key: Key, _ estimate: AccuracyEstimate, at now: Instant,
        changes: inout [ChangeEvent]
    ) throws {
        let promised = Double(try ModelService.material(database, key.version)?.thresholds.promisedAccuracy ?? 0)
        let newest = try AccuracyEstimateRecord.filter(
            Column("groupKey") == key.group && Column("model") == key.version.model
                && Column("number") == key.version.number
        ).order(Column("id").desc).fetchOne(database)
        if newest?.labels != estimate.samples || newest?.estimate != estimate.value {
            var record = AccuracyEstimateRecord(
                groupKey: key.group, model: key.version.model, number: key.version.number, estimate: estimate.value,
                low: estimate.low, high: estimate.high, labels: estimate.samples, promised: promised, at: now)
            try record.insert(database)
            changes.append(ChangeEvent(.accuracy, key.group))
        }
        let fingerprint = "accuracy:\(key.version):\(key.group)"
        // A version that a newer one has replaced needs no person's attention any more.
        let released = try TrainingService.releasedVersion(database, of: key.version.model)
        let isReplaced = released.map { $0.number > key.version.number } ?? false
        guard !isReplaced, estimate.breaks(promise: promised) else {
            return try AlertBook.close(database, fingerprint: fingerprint, at: now, changes: &changes)
        }
        guard try AlertBook.openAlert(database, fingerprint) == nil || newest?.labels != estimate.samples else {
            return
        }
        try AlertBook.open(
            database,
            AlertCondition(
                fingerprint: fingerprint, kind: .accuracy, severity: .critical, subject: key.group,
                title: "\(key.version) is right in \(percent(estimate.value)) of frames of \(key.group)",
                reason: "95 % interval \(percent(estimate.low)) to \(percent(estimate.high)) from \(estimate.samples) "
                    + "annotations; the release promised \(percent(promised))",
                action: "Retrain with annotated samples of this group."), at: now, changes: &changes)
    }

    private static func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }
}
