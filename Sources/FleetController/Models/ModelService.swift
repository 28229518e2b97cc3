import FleetCrypto
public import FleetModel
public import FleetStore
import FleetWire
import Foundation
import GRDB

/// Models and their versions: registering, compiling, looking up.
public struct ModelService: Sendable {
    let context: ControllerContext
    let compile: ImageCompiler
    private let background: BackgroundWork

    init(context: ControllerContext, compile: @escaping ImageCompiler) {
        self.context = context
        self.compile = compile
        background = BackgroundWork("compiling", context: context)
    }

    /// Makes a model without versions.
    public func create(_ name: ModelName, description: String, by caller: Identity) async throws -> ModelRecord {
        try await context.perform(Command("models.create", by: caller, role: .operator, subject: name)) {
            database, scope in
            try AgentService.refuse(name)
            guard try ModelRecord.fetchOne(database, key: name) == nil else {
                throw ControllerError(.conflict, "model '\(name)' exists", hint: "push a version to it")
            }
            let record = ModelRecord(name: name, description: description, createdAt: scope.now)
            try record.insert(database)
            scope.changes = [ChangeEvent(.model, name)]
            return record
        }
    }

    /// From now on the model's images leave the controller encrypted, each under its own key, which only devices get that
    /// are to run it. There is no way back; what went out in the clear before stays so.
    public func seal(_ name: ModelName, by caller: Identity) async throws -> ModelRecord {
        try await context.perform(Command("models.seal", by: caller, role: .operator, subject: name)) {
            database, scope in
            guard var record = try ModelRecord.fetchOne(database, key: name) else {
                throw ControllerError.notFound("model", name)
            }
            record.sealed = true
            try record.update(database)
            scope.changes = [ChangeEvent(.model, name)]
            return record
        }
    }

    /// Registers an ONNX file as the model's next version and compiles it; makes the model if it is new.
    ///
    /// - Parameters:
    ///   - material: what a release needs beside the image, if it is known already; its version, slot and image are
    ///     filled in here.
    ///   - waitingLimit: models that may be compiled or wait for it; one more is refused.
    /// - Throws: what the compiler does not support, all at once, or `conflict` if a version has the same image already;
    ///   nothing is registered then.
    public func push(
        _ name: ModelName, onnx: [UInt8], lineage: Lineage = Lineage(), material: ReleasePart? = nil,
        waitingLimit: Int = ControllerLimits.waitingModels, by caller: Identity
    ) async throws -> VersionRecord {
        try caller.require(.operator, for: "models.push")
        try AgentService.refuse(name)
        try checkSize(onnx)
        let (onnxDigest, image, compiled) = try await background.run(waitingLimit: waitingLimit) { [self] in
            let compiled = try compiledHere(onnx)
            return (try context.blobs.write(onnx), try context.blobs.write(compiled.bytes), compiled)
        }
        return try await context.perform(Command("models.push", by: caller, role: .operator, subject: name)) {
            database, scope in
            if let same = try ImageRecord.fetchOne(database, key: image) {
                throw ControllerError(
                    .conflict, "the model compiles to the image of \(same.version)", hint: "release that version")
            }
            let id = try Self.nextVersion(database, of: name, at: scope.now)
            try BlobRecord(digest: onnxDigest, bytes: onnx.count, kind: .onnx, createdAt: scope.now)
                .insert(database, onConflict: .ignore)
            try BlobRecord(digest: image, bytes: compiled.bytes.count, kind: .image, createdAt: scope.now)
                .insert(database, onConflict: .ignore)
            let record = Self.record(id, onnx: onnxDigest, lineage: lineage, by: caller, at: scope.now)
            try record.insert(database)
            for needed in lineage.dependencies {
                try VersionDependencyRecord(
                    model: name, number: id.number, requiredModel: needed.model, requiredNumber: needed.number
                ).insert(database)
            }
            let imageRecord = ImageRecord(
                digest: image, model: name, number: id.number, bytes: compiled.bytes.count,
                arenaBytes: compiled.arenaBytes, compiler: compiled.compiler, createdAt: scope.now)
            try imageRecord.insert(database, onConflict: .ignore)
            if let material { try Self.store(database, material, for: id, image: imageRecord) }
            scope.subject = id.description
            scope.detail = ["onnx": onnxDigest.hex, "image": image.hex, "dataset": lineage.dataset ?? ""]
            scope.changes = [ChangeEvent(.model, name)]
            return try Self.version(database, id)
        }
    }

    /// An ONNX file's image, without registering either.
    func compiled(_ onnx: [UInt8]) async throws -> CompiledImage {
        try checkSize(onnx)
        return try await background.run { [self] in try compiledHere(onnx) }
    }

    private func checkSize(_ onnx: [UInt8]) throws {
        let limit = context.configuration.modelBytesLimit
        guard onnx.count <= limit else {
            throw ControllerError(
                .limitReached, "a model has at most \(limit) bytes",
                hint: "raise \(ControllerLimits.modelBytesSetting)")
        }
    }

    private func compiledHere(_ onnx: [UInt8]) throws -> CompiledImage {
        do { return try compile(onnx) } catch {
            throw ControllerError(.invalid, "the model cannot be compiled: \(error)", hint: "see docs/operators.md")
        }
    }

    /// Stores what a release of this version needs: baseline, thresholds, golden vectors.
    public func setMaterial(_ id: VersionID, _ part: ReleasePart, by caller: Identity) async throws {
        try await context.perform(Command("models.setMaterial", by: caller, role: .operator, subject: id)) {
            database, scope in
            try AgentService.refuse(id.model)
            guard let image = try Self.image(database, id) else { throw ControllerError.notFound("image of", id) }
            try Self.store(database, part, for: id, image: image)
            scope.changes = [ChangeEvent(.model, id.model)]
        }
    }

    /// What a release of this version needs; nil until it was stored.
    public func material(_ id: VersionID) async throws -> ReleasePart? {
        try await context.read { try Self.material($0, id) }
    }

    /// A version's ONNX file.
    public func onnx(_ id: VersionID) async throws -> [UInt8] {
        let record = try await context.read { try Self.version($0, id) }
        return try context.blobs.read(record.onnx)
    }

    /// A compiled image.
    public func image(_ digest: Digest) throws -> [UInt8] { try context.blobs.read(digest) }
}
