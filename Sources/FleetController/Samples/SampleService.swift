public import FleetModel
public import FleetStore
import FleetWire
import GRDB

/// Samples and what people say of them.
public struct SampleService: Sendable {
    /// Of all annotations, the share that goes to groups with an open drift alert: there labels teach most; the rest
    /// keeps the accuracy of the others known.
    public static let driftedShare = 0.8
    /// The longest time that a person can say an annotation took, in seconds.
    static let longestAnnotation: Double = 24 * 3600

    let context: ControllerContext

    /// The sample to label next: of the kind of group that is furthest behind its share, one at random, because the
    /// estimate of accuracy needs each device's samples to be labelled by chance alone. A frame that equals an
    /// annotated one is left out.
    ///
    /// - Parameter skipping: samples that the person put off.
    /// - Returns: nil when nothing is left to label.
    public func next(skipping skipped: [Int64] = []) async throws -> SampleRecord? {
        try await context.read { database in
            let counts = try AnnotationQueue.counts(database)
            for drifted in counts.order(driftedShare: Self.driftedShare) {
                if let sample = try AnnotationQueue.pick(database, drifted: drifted, skipping: skipped) {
                    return sample
                }
            }
            return nil
        }
    }

    /// What the sample's frame looks like and which classes its model knows, from the release that it was taken under.
    public func description(of sample: SampleRecord) async throws -> (input: FrameDescription, classes: [String])? {
        try await context.read { database in
            guard let release = try ReleaseRows.find(database, sample.release) else { return nil }
            let manifest = try ReleaseManifest(decoding: [UInt8](release.manifest))
            return manifest.part(for: sample.slot).map { ($0.input, $0.classes) }
        }
    }

    /// Takes a person's verdict. Earlier ones are kept; the latest counts.
    ///
    /// - Parameters:
    ///   - className: for the verdict `class`: one of the model's classes.
    ///   - seconds: how long the person took.
    public func annotate(
        _ id: Int64, verdict: AnnotationVerdict, className: String? = nil, seconds: Double = 0, by caller: Identity
    ) async throws -> AnnotationRecord {
        guard (0...Self.longestAnnotation).contains(seconds) else {
            throw ControllerError(.invalid, "seconds must be between 0 and \(Int(Self.longestAnnotation))")
        }
        return try await context.perform(Command("samples.annotate", by: caller, role: .annotator, subject: id)) {
            database, scope in
            guard var sample = try SampleRecord.fetchOne(database, key: id) else {
                throw ControllerError.notFound("sample", id)
            }
            let named = try Self.check(database, sample, verdict, className)
            var annotation = AnnotationRecord(
                sample: id, verdict: verdict, className: named, identity: caller.name, seconds: seconds,
                createdAt: scope.now)
            try annotation.insert(database)
            sample.verdict = verdict
            sample.verdictClass = named
            sample.annotatedAt = scope.now
            try sample.update(database)
            scope.detail = ["verdict": verdict.rawValue, "class": named ?? ""]
            scope.changes = [ChangeEvent(.annotation, id)]
            return annotation
        }
    }

    /// Takes the latest annotation back, as a person does who pressed the wrong key: it stays in the history, and the one
    /// before it counts again, or none.
    ///
    /// - Throws: `wrongState` without an annotation; `forbidden` if another person gave it, unless the caller is an
    ///   operator.
    public func withdraw(_ id: Int64, by caller: Identity) async throws -> SampleRecord {
        try await context.perform(Command("samples.withdraw", by: caller, role: .annotator, subject: id)) {
            database, scope in
            guard var sample = try SampleRecord.fetchOne(database, key: id) else {
                throw ControllerError.notFound("sample", id)
            }
            let counting = AnnotationRecord.filter(Column("sample") == id && Column("withdrawnAt") == nil)
                .order(Column("id").desc)
            guard var latest = try counting.fetchOne(database) else {
                throw ControllerError(.wrongState, "sample \(id) has no annotation to withdraw")
            }
            if latest.identity != caller.name { try caller.require(.operator, for: "samples.withdraw of another's") }
            latest.withdrawnAt = scope.now
            try latest.update(database)
            let before = try counting.fetchOne(database)
            sample.verdict = before?.verdict
            sample.verdictClass = before?.className
            sample.annotatedAt = before?.createdAt
            try sample.update(database)
            scope.detail = [
                "annotation": "\(latest.id ?? 0)", "verdict": latest.verdict.rawValue, "class": latest.className ?? "",
                "by": latest.identity,
            ]
            scope.changes = [ChangeEvent(.annotation, id)]
            return sample
        }
    }

    private static func check(
        _ database: Database, _ sample: SampleRecord, _ verdict: AnnotationVerdict, _ className: String?
    ) throws -> String? {
        switch (verdict, className) {
        case (.unusable, nil): return nil
        case (.unusable, _?): throw ControllerError(.invalid, "an unusable sample has no class")
        case (.class, nil): throw ControllerError(.invalid, "the verdict 'class' needs a class")
        case (.class, let name?):
            let version = try ModelService.version(database, sample.version)
            guard version.classes.contains(name) else {
                throw ControllerError(
                    .invalid, "'\(name)' is no class of \(sample.version)",
                    hint: "one of: \(version.classes.prefix(32).joined(separator: ", "))")
            }
            return name
        }
    }
}
