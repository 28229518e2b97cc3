public import FleetStore
import Foundation
import GRDB

/// Standing orders: retrain policies and sampling policies, each a JSON document under a name.
public struct PolicyService: Sendable {
    /// The most policies.
    static let limit = 256
    /// The longest document, in bytes.
    static let documentBytes = 64 << 10

    let context: ControllerContext
    /// Throws what is wrong with a retrain policy's document.
    let validateRetrain: @Sendable (Data) throws -> Void
    /// Called after something changed that a device must be told.
    let deliver: @Sendable () -> Void

    /// Makes a policy or replaces it; what its service remembers of it stays.
    ///
    /// - Parameter document: a JSON object of the kind's form (docs: "Policies").
    public func put(
        _ name: String, kind: PolicyKind, document: String, enabled: Bool = true, by caller: Identity
    ) async throws -> PolicyRecord {
        guard (1...64).contains(name.count) else {
            throw ControllerError(.invalid, "a policy's name has 1 to 64 characters")
        }
        try validate(kind, document)
        let fallback = context.configuration.devicePolicy
        let record = try await context.perform(Command("policies.put", by: caller, role: .operator, subject: name)) {
            database, scope in
            let old = try PolicyRecord.fetchOne(database, key: name)
            guard try old != nil || PolicyRecord.fetchCount(database) < Self.limit else {
                throw ControllerError(.limitReached, "there are at most \(Self.limit) policies")
            }
            let record = PolicyRecord(
                name: name, kind: kind, document: document, enabled: enabled, state: old?.state ?? "{}",
                updatedAt: scope.now, updatedBy: caller.name)
            try record.save(database)
            if kind == .sampling || old?.kind == .sampling {
                try DesiredDocument.refreshAll(database, fallback: fallback)
            }
            // Whatever was wrong with the old one: the new one has to show it anew.
            try AlertBook.close(
                database, fingerprint: PolicyTrouble.fingerprint(name), at: scope.now, changes: &scope.changes)
            scope.detail = ["kind": kind.rawValue, "document": document, "enabled": "\(enabled)"]
            scope.changes.append(ChangeEvent(.policy, name))
            return record
        }
        deliver()
        return record
    }

    private func validate(_ kind: PolicyKind, _ document: String) throws {
        guard document.utf8.count <= Self.documentBytes else {
            throw ControllerError(.limitReached, "a policy's document has at most \(Self.documentBytes) bytes")
        }
        let data = Data(document.utf8)
        switch kind {
        case .retrain: try validateRetrain(data)
        case .sampling:
            do {
                try JSONDecoder().decode(SamplingDocument.self, from: data).validate()
            } catch let error as DecodingError {
                throw ControllerError(.invalid, "the sampling policy cannot be read: \(error)")
            }
        }
    }
}
