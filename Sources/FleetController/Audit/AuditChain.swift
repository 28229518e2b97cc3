import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB

/// The audit's hash chain: each entry's hash covers the entry and the hash before it, so that nothing can be changed,
/// removed or put in between without the rest showing it.
enum AuditChain {
    /// The hash before the first entry.
    static let genesis = Digest(repeatElement(0, count: Digest.byteCount))

    /// Appends an entry in the caller's transaction.
    static func append(
        to database: Database, at now: Instant, caller: Identity, command: String, subject: String,
        detail: [String: String], reason: String
    ) throws -> AuditEntryRecord {
        let last = try AuditEntryRecord.first(database, where: "true ORDER BY number DESC LIMIT 1", [])
        guard let previous = last?.hash ?? genesis else {
            throw ControllerError(.invalid, "the audit's genesis is no digest")
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var entry = AuditEntryRecord(
            number: (last?.number ?? 0) + 1, at: now, identity: caller.name, role: caller.role, command: command,
            subject: subject, detail: String(decoding: try encoder.encode(detail), as: UTF8.self), reason: reason,
            previous: previous, hash: previous)
        entry.hash = hash(of: entry)
        try entry.insert(database)
        return entry
    }

    /// SHA-256 of the deterministic CBOR array [previous, number, at, identity, role, command, subject, detail, reason].
    static func hash(of entry: AuditEntryRecord) -> Digest {
        SHA256.hash(
            CBOR.array([
                .bytes(entry.previous.bytes), .integer(Int(entry.number)), .integer(Int(entry.at.milliseconds)),
                .text(entry.identity), .text(entry.role.rawValue), .text(entry.command), .text(entry.subject),
                .text(entry.detail), .text(entry.reason),
            ]).encoded())
    }
}
