import FleetController
import FleetModel
import FleetStore
import Hummingbird

/// Models, releases, training runs and datasets: what there is and where it came from.
enum ModelsPage {
    /// Training runs in the list.
    static let runs = 20

    struct View {
        var hasReleases: Bool
        var releases: [ReleaseRow]
        var noReleases: EmptyView?
        var models: [Model]
        var noModels: EmptyView?
        var hasRuns: Bool
        var runs: [Run]
        var noRuns: EmptyView?
        var hasDatasets: Bool
        var datasets: [Dataset]
        var noDatasets: EmptyView?
    }

    struct ReleaseRow {
        var name: String
        var stage: StatusView
        var holds: String
        var signatures: String
        var counter: String
        var expires: TimeView
        var made: TimeView
        var by: String
    }

    struct Model {
        var name: String
        var description: String
        var versions: [Version]
    }

    struct Version {
        var id: String
        var model: String
        var number: Int
        var trainedOn: String
        var trainer: String
        var accuracy: String
        var size: String
        var devices: String
        var made: TimeView
    }

    struct Run {
        var id: String
        var trainer: String
        var state: StatusView
        var bar: String
        var reason: String
        var dataset: String
        var result: String
        var made: TimeView
    }

    struct Dataset {
        var name: String
        var frames: String
        var shape: String
        var classes: String
        var newest: String
    }

    private static func note(_ model: ModelRecord) -> String {
        guard model.sealed else { return model.description }
        let sealed = "Sealed: its images go out encrypted"
        return model.description.isEmpty ? sealed : "\(model.description) · \(sealed)"
    }

    static func show(_ call: PageRequest) async throws -> Response {
        let releases = try await call.queries.releases(limit: 50)
        var models: [Model] = []
        for model in try await call.queries.models() {
            let versions = try await call.queries.versions(of: model.model.name)
            models.append(
                Model(
                    name: model.model.name.text, description: note(model.model),
                    versions: versions.map { version($0, call) }))
        }
        let runs = try await call.queries.trainingRuns(limit: runs).items
        let datasets = try await call.queries.datasets()
        let view = View(
            hasReleases: !releases.isEmpty, releases: releases.map { release($0, call) },
            noReleases: releases.isEmpty
                ? EmptyView(
                    icon: "models", heading: "No release yet",
                    text:
                        "A release bundles an image with its thresholds, baseline and proofs, under people's signatures.",
                    command: "martlet release create --model MODEL --version N --key ops.pem") : nil,
            models: models,
            noModels: models.isEmpty
                ? EmptyView(
                    icon: "models", heading: "No model yet", text: "Push an ONNX file, or train one here.",
                    command: "martlet model push MODEL model.onnx") : nil,
            hasRuns: !runs.isEmpty, runs: runs.map { run($0, call) },
            noRuns: runs.isEmpty
                ? EmptyView(
                    icon: "clock", heading: "No training run yet",
                    text: "Start one by hand, or let a policy start it on drift, accuracy, annotations or a schedule.",
                    command: "martlet train --dataset DATASET --model MODEL") : nil,
            hasDatasets: !datasets.isEmpty, datasets: datasets.map(dataset),
            noDatasets: datasets.isEmpty
                ? EmptyView(
                    icon: "fleet", heading: "No dataset yet",
                    text: "Import labelled frames; annotated samples join them.",
                    command: "martlet dataset import DATASET --stream stream.yaml") : nil)
        return try await call.page(
            "models", title: "Models and releases", lede: "What runs on the fleet, and how it came to be.", view)
    }

    static func stage(_ stage: ReleaseStage) -> StatusView {
        switch stage {
        case .draft: .plain("Draft")
        case .candidate: .warn("Awaits signatures", icon: "key")
        case .approved: .ok("Approved")
        case .released: .ok("Released")
        case .retired: .plain("Retired", icon: "off")
        }
    }

    private static func release(_ overview: ReleaseOverview, _ call: PageRequest) -> ReleaseRow {
        let release = overview.release
        let isRejected = !overview.rejections.isEmpty
        return ReleaseRow(
            name: release.name.text, stage: isRejected ? .bad("Rejected") : stage(release.stage),
            holds: overview.parts.map { "\($0.version) in slot \($0.slot)" }.joined(separator: ", "),
            signatures: "\(overview.signatures.count) of \(overview.threshold)",
            counter: Format.count(release.counter), expires: call.time(release.expiresAt),
            made: call.time(release.createdAt), by: release.createdBy)
    }

    private static func version(_ overview: VersionOverview, _ call: PageRequest) -> Version {
        let version = overview.version
        return Version(
            id: version.id.description, model: version.model.text, number: version.number,
            trainedOn: version.dataset.map { "\($0):\(version.datasetVersion ?? 0)" } ?? "–",
            trainer: version.trainer ?? "–", accuracy: MetricText.accuracy(version.metrics) ?? "–",
            size: overview.image.map { Format.bytes($0.bytes) } ?? "–", devices: Format.count(overview.devices),
            made: call.time(version.createdAt))
    }

    private static func run(_ run: TrainingRunRecord, _ call: PageRequest) -> Run {
        let state: StatusView =
            switch run.state {
            case .queued: .plain("Queued", icon: "clock")
            case .running: .busy("Running \(Format.percent(run.progress, 0))")
            case .succeeded: .ok("Succeeded")
            case .failed: .bad("Failed")
            case .cancelled: .plain("Cancelled", icon: "off")
            }
        let result =
            run.number.map { "\(run.model):\($0), accuracy \(MetricText.accuracy(run.metrics) ?? "–")" } ?? run.failure
            ?? "–"
        return Run(
            id: "#\(run.id ?? 0) \(run.model)", trainer: run.trainer, state: state,
            bar: run.state == .running
                ? Bar.svg([Bar.Part(share: run.progress, style: "busy")], label: Format.percent(run.progress, 0)) : "",
            reason: run.reason.isEmpty ? "started by \(run.createdBy)" : run.reason,
            dataset: "\(run.dataset):\(run.datasetVersion)", result: result, made: call.time(run.createdAt))
    }

    private static func dataset(
        _ entry: (dataset: DatasetRecord, frames: Int, versions: [DatasetVersionRecord])
    ) -> Dataset {
        let newest = entry.versions.first.map {
            "\(entry.dataset.name):\($0.number) with \(Format.count($0.itemCount, "item")), \(Format.count($0.annotationCount)) annotated"
        }
        return Dataset(
            name: entry.dataset.name, frames: Format.count(entry.frames), shape: shape(entry.dataset.input),
            classes: entry.dataset.classes.joined(separator: ", "), newest: newest ?? "not cut yet")
    }

    static func shape(_ input: FrameDescription) -> String {
        switch input.kind {
        case .timeseries: "\(input.steps) readings × \(input.channels.count) channels"
        case .table: Format.count(input.width, "column")
        case .image: "\(input.width) × \(input.steps) pixels"
        }
    }
}
