import FleetController
import FleetModel
import FleetStore
import FleetWire
import Foundation

extension JSONValue {
    init(_ overview: ModelOverview) {
        self = [
            "name": .string(overview.model.name.text), "description": .string(overview.model.description),
            "createdAt": .time(overview.model.createdAt), "sealed": .bool(overview.model.sealed),
            "versions": .array(overview.versions.map { .count($0.number) }),
        ]
    }

    init(_ overview: VersionOverview) {
        let version = overview.version
        self = [
            "id": .string(version.id.description), "model": .string(version.model.text),
            "number": .count(version.number), "description": .string(version.description),
            "onnx": .digest(version.onnx), "image": .digest(overview.image?.digest),
            "imageBytes": .count(overview.image?.bytes), "arenaBytes": .count(overview.image?.arenaBytes),
            "dataset": .text(version.dataset), "datasetVersion": .count(version.datasetVersion),
            "trainingRun": .count(version.trainingRun), "trainer": .text(version.trainer),
            "parameters": .document(version.parameters), "metrics": .document(version.metrics),
            "input": version.input.map { JSONValue($0) } ?? .null, "classes": .strings(version.classes),
            "normalisation": Self.normalisation(of: version),
            "releases": .strings(overview.releases.map(\.text)), "devices": .count(overview.devices),
            "createdAt": .time(version.createdAt), "createdBy": .string(version.createdBy),
        ]
    }

    /// What a device does to a frame's values before the version's model sees them; null until it is known.
    private static func normalisation(of version: VersionRecord) -> JSONValue {
        guard let data = version.material, let manifest = try? ReleaseManifest(decoding: [UInt8](data)),
            let normalisation = manifest.parts.first?.normalisation
        else { return .null }
        return [
            "offset": .array(normalisation.offset.map { .real(Double($0)) }),
            "scale": .array(normalisation.scale.map { .real(Double($0)) }),
        ]
    }

    init(_ overview: ReleaseOverview) {
        let release = overview.release
        self = [
            "name": .string(release.name.text), "counter": .count(release.counter),
            "stage": .string(release.stage.rawValue), "digest": .digest(release.digest),
            "parts": .array(
                overview.parts.map {
                    [
                        "slot": .string($0.slot.text), "version": .string($0.version.description),
                        "image": .digest($0.image),
                        "thresholdsFrom": .string("\($0.thresholdsModel):\($0.thresholdsNumber)"),
                    ]
                }),
            "datasets": .strings(overview.datasets.map { "\($0.dataset):\($0.number)" }),
            "signatures": .array(overview.signatures.map { JSONValue($0) }), "threshold": .count(overview.threshold),
            "rejected": .bool(!overview.rejections.isEmpty), "note": .string(release.note),
            "createdAt": .time(release.createdAt), "createdBy": .string(release.createdBy),
            "expiresAt": .time(release.expiresAt), "approvedAt": .time(release.approvedAt),
            "retiredAt": .time(release.retiredAt),
        ]
    }

    init(_ signature: ReleaseSignatureRecord) {
        self = [
            "key": .string(signature.key.text), "identity": .string(signature.identity),
            "signature": .base64(signature.signature), "createdAt": .time(signature.createdAt),
        ]
    }

    init(_ key: TrustedKeyRecord) {
        self = [
            "id": .string(key.id.text), "publicKey": .base64(key.publicKey), "holder": .string(key.holder),
            "use": .string(key.use.rawValue), "createdAt": .time(key.createdAt), "revokedAt": .time(key.revokedAt),
        ]
    }

    init(_ sample: SampleRecord) {
        self = [
            "id": .count(sample.id ?? 0), "device": .string(sample.device.text), "slot": .string(sample.slot.text),
            "version": .string(sample.version.description), "release": .digest(sample.release),
            "tag": .string(sample.tag), "capturedAt": .time(sample.capturedAt), "receivedAt": .time(sample.receivedAt),
            "probability": .real(sample.probability), "kind": .string(sample.kind.rawValue),
            "guess": .string(sample.predictedClass), "confidence": .real(sample.confidence),
            "margin": .real(sample.margin), "tags": .tags(sample.tags), "verdict": .text(sample.verdict?.rawValue),
            "class": .text(sample.verdictClass), "annotatedAt": .time(sample.annotatedAt),
        ]
    }

    /// A sample with its values, and with shape and classes where its release is known.
    init(
        _ sample: SampleRecord, values: [Float], description: (input: FrameDescription, classes: [String])?
    ) {
        var members = JSONValue(sample).members
        members["values"] = .array(values.map { .real(Double($0)) })
        members["scores"] = .array(sample.scores.values.map { .real(Double($0)) })
        members["classes"] = .strings(description?.classes ?? [])
        members["input"] = description.map { JSONValue($0.input) } ?? .null
        self = .object(members)
    }

    init(_ annotation: AnnotationRecord) {
        self = [
            "id": .count(annotation.id ?? 0), "sample": .count(annotation.sample),
            "verdict": .string(annotation.verdict.rawValue), "class": .text(annotation.className),
            "identity": .string(annotation.identity), "seconds": .real(annotation.seconds),
            "createdAt": .time(annotation.createdAt), "withdrawnAt": .time(annotation.withdrawnAt),
        ]
    }

    init(_ dataset: DatasetRecord, frames: Int, versions: [DatasetVersionRecord]) {
        self = [
            "name": .string(dataset.name), "description": .string(dataset.description),
            "input": JSONValue(dataset.input), "classes": .strings(dataset.classes), "frames": .count(frames),
            "versions": .array(versions.map { .count($0.number) }), "createdAt": .time(dataset.createdAt),
            "createdBy": .string(dataset.createdBy),
        ]
    }

    init(_ version: DatasetVersionRecord) {
        self = [
            "dataset": .string(version.dataset), "number": .count(version.number), "digest": .digest(version.digest),
            "selector": .string(version.selector.description), "includeAnnotations": .bool(version.includeAnnotations),
            "items": .count(version.itemCount), "annotations": .count(version.annotationCount),
            "note": .string(version.note), "createdAt": .time(version.createdAt),
            "createdBy": .string(version.createdBy),
        ]
    }

    init(_ run: TrainingRunRecord) {
        let champion = run.championModel.map { "\($0):\(run.championNumber ?? 0)" }
        self = [
            "id": .count(run.id ?? 0), "model": .string(run.model.text), "dataset": .string(run.dataset),
            "datasetVersion": .count(run.datasetVersion), "trainer": .string(run.trainer),
            "parameters": .document(run.parameters), "state": .string(run.state.rawValue),
            "progress": .real(run.progress), "metrics": .document(run.metrics), "log": .string(run.log),
            "reason": .string(run.reason), "policy": .text(run.policy), "champion": .text(champion),
            "version": .text(run.number.map { "\(run.model):\($0)" }), "failure": .text(run.failure),
            "createdAt": .time(run.createdAt), "createdBy": .string(run.createdBy), "startedAt": .time(run.startedAt),
            "endedAt": .time(run.endedAt),
        ]
    }

    init(_ policy: PolicyRecord) {
        self = [
            "name": .string(policy.name), "kind": .string(policy.kind.rawValue), "enabled": .bool(policy.enabled),
            "document": .document(policy.document), "updatedAt": .time(policy.updatedAt),
            "updatedBy": .string(policy.updatedBy),
        ]
    }
}
