import FleetController
import FleetModel
import FleetStore
import Hummingbird

/// One version: lineage from dataset to devices, metrics and parameters.
enum VersionPage {
    struct View {
        var stats: [StatView]
        var lineage: [FactView]
        var numbers: [FactView]
    }

    static func show(_ call: PageRequest) async throws -> Response {
        let model = try call.name("model", of: "model", as: ModelName.self)
        let number = try call.number("number", of: "version")
        guard let overview = try await call.queries.versions(of: model, number: Int(number)).first else {
            throw APIError.notFound("version", "\(model):\(number)")
        }
        let version = overview.version
        let view = View(
            stats: [
                StatView(
                    label: "Accuracy", value: MetricText.accuracy(version.metrics) ?? "–",
                    note: "as the trainer measured it"),
                StatView(
                    label: "Image", value: overview.image.map { Format.bytes($0.bytes) } ?? "–",
                    note: overview.image.map { "\(Format.bytes($0.arenaBytes)) of working memory" } ?? "not compiled"),
                StatView(
                    label: "Runs on", value: Format.count(overview.devices),
                    unit: overview.devices == 1 ? "device" : "devices"),
            ],
            lineage: lineage(overview),
            numbers: MetricText.facts(version.metrics)
                + MetricText.facts(version.parameters).map {
                    FactView(name: "parameter \($0.name)", value: $0.value)
                })
        return try await call.page(
            "version", title: version.id.description, lede: version.description.isEmpty ? nil : version.description,
            crumb: Frame.Link(path: "/models", name: "Models"), view)
    }

    private static func lineage(_ overview: VersionOverview) -> [FactView] {
        let version = overview.version
        var facts = [
            FactView(name: "Dataset", value: version.dataset.map { "\($0):\(version.datasetVersion ?? 0)" } ?? "–"),
            FactView(name: "Training run", value: version.trainingRun.map { "#\($0)" } ?? "–"),
            FactView(name: "Trainer", value: version.trainer ?? "–"),
            FactView(
                name: version.model == .agent ? "Program" : "ONNX file", value: version.onnx.short, isCode: true),
            FactView(name: "Image", value: overview.image?.digest.short ?? "–", isCode: true),
            FactView(name: "Input", value: version.input.map(ModelsPage.shape) ?? "–"),
            FactView(name: "Classes", value: version.classes.isEmpty ? "–" : version.classes.joined(separator: ", ")),
        ]
        for release in overview.releases {
            facts.append(FactView(name: "Release", value: release.text, path: "/releases/\(release)"))
        }
        facts.append(FactView(name: "Made", value: "\(ISO8601.readable(version.createdAt)) by \(version.createdBy)"))
        return facts
    }
}
