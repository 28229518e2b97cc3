import FleetModel
import FleetStore
import GRDB
import Logging
import Sketches
import Synchronization

/// Judges a device's newest window each time that it reported, stores the points and opens or closes its alert.
final class DriftMonitor: Sendable {
    private let context: ControllerContext
    private let releases = ReleaseParts()
    private let pending = Mutex<Set<IngestOutcome.Window>>([])
    private let wakeup = Wakeup()
    /// How often it looks when nothing was reported.
    private static let pause = Duration.seconds(60)

    init(context: ControllerContext) { self.context = context }

    /// These windows have new reports.
    func note(_ windows: Set<IngestOutcome.Window>) {
        pending.withLock { $0.formUnion(windows) }
        wakeup.wake()
    }

    /// Judges what every device runs now (a restart may have come between commit and verdict), then what is reported,
    /// until the task is cancelled.
    func run() async {
        do { note(try await current()) } catch {
            context.logFailure(of: "drift", error)
        }
        await wakeup.run(atLeastEvery: Self.pause) { await self.judgePending() }
    }

    private func current() async throws -> Set<IngestOutcome.Window> {
        try await context.read { database in
            let slots = try DeviceSlotRecord.filter(Column("champion") != nil).fetchAll(database)
            return Set(
                slots.compactMap { slot in
                    slot.champion.map { .init(device: slot.device, slot: slot.slot, release: $0) }
                })
        }
    }

    /// Judges every window that was noted.
    func judgePending() async {
        let windows = pending.withLock { pending in
            defer { pending = [] }
            return pending
        }
        for window in windows.sorted(by: { $0.device < $1.device }) {
            do { try await judge(window) } catch {
                context.logger.error("drift", metadata: ["device": "\(window.device)", "error": "\(error)"])
            }
        }
    }

    /// Judges one window.
    ///
    /// - Returns: the verdict; nil without reports of a known release.
    @discardableResult
    func judge(_ window: IngestOutcome.Window) async throws -> DriftVerdict? {
        guard let reading = try await context.read({ [releases] in try DriftReading.read($0, window, releases) })
        else { return nil }
        guard reading.verdict.outcome != .tooFewInferences else { return reading.verdict }
        let now = context.now()
        try await context.write { database, changes in
            for point in reading.points(at: now) { try point.insert(database, onConflict: .replace) }
            // A late report of an earlier release says nothing about what runs now.
            guard try Self.isChampion(database, window) else { return }
            if reading.verdict.isDrifted {
                try AlertBook.open(database, reading.condition, at: now, changes: &changes)
            } else {
                try AlertBook.close(database, fingerprint: reading.fingerprint, at: now, changes: &changes)
            }
            changes.append(ChangeEvent(.drift, window.device))
        }
        return reading.verdict
    }

    private static func isChampion(_ database: Database, _ window: IngestOutcome.Window) throws -> Bool {
        let slot = try DeviceSlotRecord.filter(Column("device") == window.device && Column("slot") == window.slot)
            .fetchOne(database)
        return slot?.champion == nil || slot?.champion == window.release
    }
}
