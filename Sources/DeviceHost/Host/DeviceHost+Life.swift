import DeviceCore
public import FleetModel

/// What changes while a device runs, and what it keeps of its inferences.
extension DeviceHost {
    static let journalName = "journal"

    /// Other limits from now on. Belongs on the loop's thread.
    public func adopt(_ limits: DeviceLimits) {
        let hasOtherJournal = limits.journalRecords != configuration.limits.journalRecords
        configuration.limits = limits
        spooler.adopt(limits.spool)
        spooler.logLoss.lost(log.adopt(quota: limits.spool.logBytes))
        trimLog()
        for slot in orderedSlots { slot.adopt(limits) }
        if hasOtherJournal { openJournal() }
        rearm()
    }

    // MARK: Journal

    /// Opens the journal, if there is to be one. A device that cannot keep one works without.
    func openJournal() {
        journal = nil
        let records = configuration.limits.journalRecords
        guard records > 0, !isFrozen else { return }
        do throws(DeviceError) {
            journal = try Journal(path: "\(configuration.folder)/\(Self.journalName)", capacity: records, files: files)
        } catch {
            note(.problem("no journal: \(error)"))
        }
    }

    /// Notes one inference. The first failure ends the journal until the next start: it is told once, not per inference.
    func record(_ entry: (_ number: UInt64) -> JournalEntry) {
        guard let journal else { return }
        do throws(DeviceError) { try journal.add(entry(journal.next)) } catch {
            self.journal = nil
            note(.problem("the journal ends: \(error)"))
        }
    }

    /// What was noted survives a power cut.
    func syncJournal() {
        do throws(DeviceError) { try journal?.sync() } catch { note(.problem("journal: \(error)")) }
    }

    /// The newest journal entries, newest first; of one frame alone if `input` names it. Belongs on the loop's thread.
    public func journal(last count: Int, input: Digest? = nil) throws(DeviceError) -> [JournalEntry] {
        try journal?.last(count, input: input) ?? []
    }

    // MARK: People at the device

    /// Goes back to the release before. False if the slot is not there or may not return to one. Belongs on the loop's
    /// thread.
    public func rollBack(slot: SlotName = .main) -> Bool {
        guard let slot = slots[slot], slot.machine.canGoBack else { return false }
        slot.feed(.rollBackByHand)
        return true
    }

    /// How the device's storage fares.
    public var health: DeviceHealth {
        DeviceHealth(
            isReadOnly: isFrozen, storeProblem: lastStoreFailure.isEmpty ? storeProblem : lastStoreFailure,
            spool: spooler.totals, journal: journal.map { $0.next - 1 })
    }
}

/// What a device kept, merged and gave up since it started.
public struct DeviceHealth: Hashable, Sendable {
    /// The disk is read-only.
    public var isReadOnly: Bool
    /// What is or was wrong with the database; empty if nothing.
    public var storeProblem: String
    public var spool: SpoolTotals
    /// Inferences that the journal has counted; nil without a journal.
    public var journal: UInt64?
}
