import FleetModel
import FleetStore
import GRDB

/// Who did what, when and why.
public struct AuditService: Sendable {
    let context: ControllerContext

    /// Recomputes the whole chain.
    ///
    /// - Returns: The number of the first entry that is not what it was when it was written; nil if all are.
    public func firstBroken() async throws -> Int64? {
        try await context.read { database in
            var previous = AuditChain.genesis
            var number: Int64 = 0
            let entries = try AuditEntryRecord.order(Column("number")).fetchCursor(database)
            while let entry = try entries.next() {
                number += 1
                guard entry.number == number, entry.previous == previous, AuditChain.hash(of: entry) == entry.hash
                else {
                    return number
                }
                previous = entry.hash
            }
            return nil
        }
    }
}
