import FleetModel
public import Foundation
public import ONNXFormat

/// The trainer contract's folder. The controller writes `manifest.json`, `config.json`, `shards/*.tar` and, if there is
/// one, `champion.onnx`; a trainer leaves `model.onnx` and `metrics.json`.
///
/// A shard is a WebDataset tar; each frame has three members of one stem: `.npy` (raw values, float32), `.cls` (index of
/// the class as text) and `.json` (`group`, `weight`, `split`).
public struct JobFolder: Sendable {
    public let url: URL

    public init(_ url: URL) { self.url = url }

    public var model: URL { url.appending(path: "model.onnx") }
    public var metrics: URL { url.appending(path: "metrics.json") }
    public var manifest: URL { url.appending(path: "manifest.json") }
    public var configuration: URL { url.appending(path: "config.json") }

    // MARK: - The controller's side

    /// Writes a job.
    ///
    /// - Parameters:
    ///   - configuration: the trainer's own document, as it is.
    ///   - champion: bytes of the champion's ONNX model.
    public func write(
        model name: String, set: TrainingSet, manifest template: JobManifest, configuration document: [UInt8],
        champion: [UInt8]?
    ) throws(TrainingError) {
        var description = template
        description.model = name
        description.shards = []
        try Self.attempt("cannot make \(url.path)") {
            try FileManager.default.createDirectory(
                at: url.appending(path: "shards"), withIntermediateDirectories: true)
        }
        for start in stride(from: 0, to: set.frames.count, by: TrainingLimits.framesPerShard) {
            let range = start..<min(start + TrainingLimits.framesPerShard, set.frames.count)
            let file = "shards/\(Self.sixDigits(description.shards.count)).tar"
            try write(TarArchive.bytes(of: members(set, range)), to: url.appending(path: file))
            description.shards.append(JobManifest.Shard(file: file, frames: range.count))
        }
        if let champion {
            description.champion = "champion.onnx"
            try write(champion, to: url.appending(path: "champion.onnx"))
        }
        try write(document, to: configuration)
        try write(Self.encode(description), to: manifest)
    }

    private func members(_ set: TrainingSet, _ range: Range<Int>) throws(TrainingError) -> [TarMember] {
        var members: [TarMember] = []
        for index in range {
            let frame = set.frames[index]
            let stem = Self.sixDigits(index)
            let note = FrameNote(group: frame.group, weight: frame.weight, split: frame.split)
            members.append(
                TarMember(
                    name: "\(stem).npy",
                    bytes: NumPyFrame.bytes(set.values(of: index), steps: set.input.steps, width: set.input.width)))
            members.append(TarMember(name: "\(stem).cls", bytes: Array("\(frame.classIndex)".utf8)))
            members.append(TarMember(name: "\(stem).json", bytes: try Self.encode(note)))
        }
        return members
    }

    // MARK: - The trainer's side

    public func readManifest() throws(TrainingError) -> JobManifest {
        try Self.decode(JobManifest.self, read(manifest, limit: TrainingLimits.documentBytes), "manifest.json")
    }

    /// The built-in trainer's parameters; defaults without a `config.json`.
    public func readParameters() throws(TrainingError) -> TrainerParameters {
        guard FileManager.default.fileExists(atPath: configuration.path) else { return TrainerParameters() }
        return try Self.parameters(read(configuration, limit: TrainingLimits.documentBytes))
    }

    /// Parameters from a JSON document; an empty one gives the defaults.
    public static func parameters(_ document: [UInt8]) throws(TrainingError) -> TrainerParameters {
        document.isEmpty ? TrainerParameters() : try decode(TrainerParameters.self, document, "config.json")
    }

    /// All frames of all shards.
    ///
    /// - Throws: `badShard` if a frame lacks a member or a shard has another number of frames than the manifest says.
    public func readSet(_ manifest: JobManifest) throws(TrainingError) -> TrainingSet {
        var set = TrainingSet(input: try manifest.input(), classes: manifest.classes)
        for shard in manifest.shards {
            let archive = try read(url.appending(path: shard.file), limit: TrainingLimits.shardBytes)
            let before = set.frames.count
            try append(TarArchive.members(of: archive), to: &set)
            guard set.frames.count - before == shard.frames else {
                throw TrainingError(
                    .badShard, "\(shard.file) has \(set.frames.count - before) frames, not \(shard.frames)")
            }
        }
        return set
    }

    private func append(_ members: [TarMember], to set: inout TrainingSet) throws(TrainingError) {
        var parts: [String: [String: [UInt8]]] = [:]
        var stems: [String] = []
        for member in members {
            guard let dot = member.name.firstIndex(of: ".") else { continue }
            let stem = String(member.name[..<dot])
            if parts[stem] == nil { stems.append(stem) }
            parts[stem, default: [:]][String(member.name[dot...])] = member.bytes
        }
        for stem in stems {
            guard let values = parts[stem]?[".npy"], let label = parts[stem]?[".cls"],
                let note = parts[stem]?[".json"], let classIndex = Int(String(decoding: label, as: UTF8.self))
            else { throw TrainingError(.badShard, "frame '\(stem)' needs the members .npy, .cls and .json") }
            let frame = try Self.decode(FrameNote.self, note, "\(stem).json")
            try set.append(
                TrainingFrame(
                    classIndex: classIndex, group: frame.group, weight: frame.weight, split: frame.split),
                values: NumPyFrame.values(values, count: set.input.valueCount))
        }
    }

    /// The champion's model; nil if the manifest names none.
    public func readChampion(_ manifest: JobManifest) throws(TrainingError) -> ONNXModel? {
        guard let file = manifest.champion else { return nil }
        let bytes = try read(url.appending(path: file), limit: TrainingLimits.shardBytes)
        do {
            return try ONNXModel(parsing: bytes)
        } catch {
            throw TrainingError(.badModel, "\(file): \(error)")
        }
    }

    /// Leaves the results: `metrics.json` last, so that its presence says that the model is whole.
    public func write(model bytes: [UInt8], metrics: TrainingMetrics) throws(TrainingError) {
        try write(bytes, to: model)
        try write(Self.encode(metrics), to: self.metrics)
    }

    /// The results that a trainer left.
    public func readResults() throws(TrainingError) -> (model: [UInt8], metrics: TrainingMetrics) {
        let document = try read(metrics, limit: TrainingLimits.documentBytes)
        return (
            try read(model, limit: TrainingLimits.shardBytes),
            try Self.decode(TrainingMetrics.self, document, "metrics.json")
        )
    }
}

// MARK: - Files

extension JobFolder {
    private func read(_ file: URL, limit: Int) throws(TrainingError) -> [UInt8] {
        let data = try Self.attempt("cannot read \(file.path)") {
            let size = try file.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
            guard size <= limit else {
                throw TrainingError(.limitExceeded, "\(file.path) has \(size) bytes, over \(limit)")
            }
            return try Data(contentsOf: file)
        }
        return [UInt8](data)
    }

    private func write(_ bytes: [UInt8], to file: URL) throws(TrainingError) {
        try Self.attempt("cannot write \(file.path)") { try Data(bytes).write(to: file, options: .atomic) }
    }

    static func encode(_ value: some Encodable) throws(TrainingError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return [UInt8](try attempt("cannot write JSON", .badJob) { try encoder.encode(value) })
    }

    static func decode<Value: Decodable>(
        _ type: Value.Type, _ bytes: [UInt8], _ name: String
    ) throws(TrainingError) -> Value {
        try attempt("cannot read \(name)", .badJob) { try JSONDecoder().decode(type, from: Data(bytes)) }
    }

    private static func attempt<Value>(
        _ what: String, _ code: TrainingError.Code = .fileFailed, _ body: () throws -> Value
    ) throws(TrainingError) -> Value {
        do {
            return try body()
        } catch let error as TrainingError {
            throw error
        } catch {
            throw TrainingError(code, "\(what): \(error)")
        }
    }

    private static func sixDigits(_ number: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(6 - text.count, 0)) + text
    }
}
