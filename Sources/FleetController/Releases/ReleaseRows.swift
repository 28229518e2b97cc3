import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB

/// Reading and writing a release's rows inside a transaction.
enum ReleaseRows {
    static func record(_ database: Database, _ name: ReleaseName) throws -> ReleaseRecord {
        guard let record = try ReleaseRecord.first(database, where: "name = ?", [name]) else {
            throw ControllerError.notFound("release", name)
        }
        return record
    }

    static func find(_ database: Database, _ digest: Digest) throws -> ReleaseRecord? {
        try ReleaseRecord.first(database, where: "digest = ?", [digest])
    }

    static func detail(_ database: Database, _ name: ReleaseName) throws -> ReleaseDetail {
        let record = try record(database, name)
        let manifest = try ReleaseManifest(decoding: [UInt8](record.manifest))
        let own = Column("release") == name
        return ReleaseDetail(
            record: record, manifest: manifest,
            signatures: try ReleaseSignatureRecord.filter(own).order(Column("createdAt")).fetchAll(database),
            approvals: try ApprovalRecord.filter(Column("subject") == "release" && Column("name") == name.text)
                .order(Column("id")).fetchAll(database),
            datasets: try ReleaseDatasetRecord.filter(own).fetchAll(database),
            threshold: try TrustRows.threshold(database),
            missingDependencies: missing(manifest))
    }

    /// Versions that the manifest's dependencies name and its parts do not hold.
    static func missing(_ manifest: ReleaseManifest) -> [VersionID] {
        let held = Set(manifest.parts.map(\.version))
        return Set(manifest.dependencies.map(\.requires)).subtracting(held).sorted()
    }

    // MARK: Making

    static func manifest(
        _ database: Database, _ name: ReleaseName, _ request: ReleaseRequest, at now: Instant
    ) throws -> ReleaseManifest {
        let parts = try request.versions.sorted { $0.key < $1.key }.map { slot, version in
            guard var part = try ModelService.material(database, version) else {
                throw ControllerError(
                    .wrongState, "version \(version) has no baseline, thresholds and golden vectors",
                    hint: "train it here, or push it with a dataset to derive them from")
            }
            guard part.thresholds.derivedFrom == version else {
                throw ControllerError(.invalid, "the thresholds of \(version) belong to \(part.thresholds.derivedFrom)")
            }
            part.slot = slot
            return part
        }
        let dependencies = try parts.flatMap { part in
            try VersionDependencyRecord.filter(
                Column("model") == part.version.model && Column("number") == part.version.number
            ).fetchAll(database).map {
                Dependency(
                    version: part.version,
                    requires: VersionID(model: $0.requiredModel, number: $0.requiredNumber))
            }
        }
        let counter = try Int64.fetchOne(database, sql: "SELECT coalesce(max(counter), 0) + 1 FROM release") ?? 1
        var compatibility = request.compatibility
        if compatibility.hardware.isEmpty, let agent = request.versions[.agent] {
            compatibility.hardware = try ModelService.hardware(database, agent)
        }
        return ReleaseManifest(
            name: name, counter: UInt64(counter), created: now, expires: now.advanced(by: request.lifetime),
            parts: parts, dependencies: dependencies, mayReturnTo: try returns(database, slots: request.versions.keys),
            compatibility: compatibility, scope: request.scope)
    }

    /// The newest releases in use that fill one of these slots.
    private static func returns(_ database: Database, slots: some Collection<SlotName>) throws -> [Digest] {
        let marks = databaseQuestionMarks(count: slots.count)
        return try Digest.fetchAll(
            database,
            sql: """
                SELECT digest FROM release
                WHERE stage = 'released' AND digest IS NOT NULL
                  AND name IN (SELECT release FROM release_part WHERE slot IN (\(marks)))
                ORDER BY counter DESC LIMIT \(ReleaseService.returnLimit)
                """, arguments: StatementArguments(slots.map(\.text)))
    }

    static func insert(
        _ database: Database, _ manifest: ReleaseManifest, note: String, by caller: Identity, at now: Instant
    ) throws {
        let encoded = manifest.encoded()
        guard encoded.count <= ReleaseManifest.byteLimit else {
            throw ControllerError(
                .limitReached, "the manifest has \(encoded.count) bytes, at most \(ReleaseManifest.byteLimit)",
                hint: "use fewer golden vectors")
        }
        try ReleaseRecord(
            name: manifest.name, counter: Int64(manifest.counter), stage: .candidate, manifest: Data(encoded),
            note: String(note.prefix(ControllerLimits.noteCharacters)), createdAt: now, createdBy: caller.name,
            expiresAt: manifest.expires
        ).insert(database)
        for part in manifest.parts {
            try ReleasePartRecord(
                release: manifest.name, slot: part.slot, model: part.version.model, number: part.version.number,
                image: part.image.digest, thresholdsModel: part.thresholds.derivedFrom.model,
                thresholdsNumber: part.thresholds.derivedFrom.number
            ).insert(database)
            let version = try ModelService.version(database, part.version)
            if let dataset = version.dataset, let number = version.datasetVersion {
                try ReleaseDatasetRecord(release: manifest.name, dataset: dataset, number: number)
                    .insert(database, onConflict: .ignore)
            }
        }
        for digest in manifest.mayReturnTo {
            try ReleaseReturnRecord(release: manifest.name, digest: digest).insert(database)
        }
    }

    // MARK: Signing

    /// Throws unless the signature is by a trusted release key and by an identity that has not signed yet.
    static func check(
        _ database: Database, _ record: ReleaseRecord, key: KeyID, signature: [UInt8], caller: Identity
    ) throws {
        guard let trusted = try TrustedKeyRecord.fetchOne(database, key: key), trusted.use == .release,
            trusted.revokedAt == nil
        else {
            throw ControllerError(
                .badSignature, "key '\(key)' is none of the release keys that the roles list",
                hint: "the holder of the root adds it (docs/trust.md); GET /api/v1/keys lists those that count")
        }
        let message = COSESign.toBeSigned(payload: [UInt8](record.manifest), context: .release, keyID: key)
        guard try VerificationKey(raw: [UInt8](trusted.publicKey)).verify(signature: signature, message: message)
        else {
            throw ControllerError(
                .badSignature, "the signature is not one of key '\(key)' over release '\(record.name)'",
                hint: "sign the bytes of to-be-signed?key=\(key), unchanged")
        }
        let signatures = try ReleaseSignatureRecord.filter(Column("release") == record.name).fetchAll(database)
        guard !signatures.contains(where: { $0.key == key }) else {
            throw ControllerError(.conflict, "key '\(key)' has signed already")
        }
        guard !signatures.contains(where: { $0.identity == caller.name }) else {
            throw ControllerError(
                .conflict, "\(caller.name) has signed already", hint: "a second person must sign with a second key")
        }
    }

    /// Builds the signed message if enough signatures are there, an approver's among them, and nothing is missing.
    static func approveIfComplete(_ database: Database, _ record: ReleaseRecord, at now: Instant) throws -> Bool {
        let name = record.name
        let signatures = try ReleaseSignatureRecord.filter(Column("release") == name).order(Column("key"))
            .fetchAll(database)
        let hasApprover =
            try ApprovalRecord.filter(Column("subject") == "release" && Column("name") == name.text)
            .fetchCount(database) > 0
        let manifest = try ReleaseManifest(decoding: [UInt8](record.manifest))
        let isComplete = try signatures.count >= TrustRows.threshold(database)
        guard isComplete, hasApprover, missing(manifest).isEmpty else { return false }
        let message = COSESign(
            payload: [UInt8](record.manifest),
            signatures: signatures.map { COSESign.Signature(keyID: $0.key, signature: [UInt8]($0.signature)) })
        try approve(database, record, message, at: now)
        return true
    }

    /// Fixes a release's signed message and so its digest.
    ///
    /// - Parameter automationKey: the key that signed it alone, within a delegation; nil if people signed.
    static func approve(
        _ database: Database, _ record: ReleaseRecord, _ message: COSESign, automationKey: KeyID? = nil, at now: Instant
    ) throws {
        let bytes = message.encoded()
        var record = record
        record.stage = .approved
        record.signed = Data(bytes)
        record.digest = SHA256.hash(bytes)
        record.automationKey = automationKey
        record.approvedAt = now
        try record.update(database)
    }
}
