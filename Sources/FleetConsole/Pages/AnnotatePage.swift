import FleetController
import FleetModel
import FleetStore
import Hummingbird

/// One sample after the other, by keyboard: what is it?
enum AnnotatePage {
    /// Keys for the classes in their order; u, s and z have other jobs.
    static let keys = Array("1234567890abcdefghijklmnopqrtvwxy").map(String.init)

    struct View {
        var done: String
        var progressNote: String
        var bar: String
        var sample: Sample?
        var empty: EmptyView?
        /// The sample that this person judged before: what Undo without a script takes back.
        var judgedBefore: String
    }

    struct Sample {
        var id: Int64
        var heading: String
        var captured: TimeView
        var plot: ChartView?
        var columns: Columns?
        var guess: String
        var confidence: String
        var second: String
        var version: String
        var device: String
        var tags: String
        var probability: String
        var judged: String?
        var choices: [Choice]
        var isUnusable: Bool
    }

    struct Columns {
        var cells: [FactView]
    }

    struct Choice {
        var name: String
        var key: String
        var keyLabel: String
        var share: String
        var isGuess: Bool
        var isChosen: Bool
    }

    static func show(_ call: PageRequest) async throws -> Response {
        let skipped = call.query("skip").split(separator: ".").prefix(200).compactMap { Int64($0) }
        let asked = Int64(call.query("sample"))
        let record: SampleRecord? =
            if let asked { try await call.queries.sample(asked) } else {
                try await call.controller.samples.next(skipping: skipped)
            }
        let counts = try await call.queries.sampleCounts()
        let share = counts.total > 0 ? Double(counts.annotated) / Double(counts.total) : 0
        let judged = counts.annotated - counts.unusable
        let agreement =
            judged > 0
            ? "; the model was right on \(Format.percent(Double(counts.agreed) / Double(judged), 0)) of them" : ""
        var sample: Sample?
        if let record { sample = try await view(of: record, call) }
        let view = View(
            done: Format.count(counts.annotated),
            progressNote:
                "of \(Format.count(counts.total, "sample")) annotated, \(Format.count(counts.unusable)) unusable\(agreement)",
            bar: Bar.svg([Bar.Part(share: share, style: "done")], label: "\(Format.percent(share, 0)) annotated"),
            sample: sample, empty: sample == nil ? empty(counts) : nil,
            judgedBefore: Int64(call.query("judged")).map(String.init) ?? "")
        return try await call.page("annotate", title: "Annotate", view)
    }

    /// The same without a script: a form that sends the verdict and comes back with the next sample.
    static func judge(_ call: PageRequest) async throws -> Response {
        let named = [call.form["sample"], call.form["judged"]].compactMap { $0.flatMap(Int64.init) }
        guard let id = named.first else { return call.redirect(to: "/annotate") }
        if call.form["move"] == "skip" { return call.redirect(to: "/annotate?skip=\(id)") }
        if call.form["move"] == "undo" { return try await undo(call, shown: id) }
        if call.form["verdict"] == "unusable" {
            _ = try await call.controller.samples.annotate(id, verdict: .unusable, by: call.identity)
        } else if let name = call.form["class"] {
            _ = try await call.controller.samples.annotate(id, verdict: .class, className: name, by: call.identity)
        }
        return call.redirect(to: "/annotate?judged=\(id)")
    }

    /// Withdraws the verdict on the sample that was judged before the one that is shown.
    private static func undo(_ call: PageRequest, shown: Int64) async throws -> Response {
        let last = Int64(call.form["judged"] ?? "") ?? shown
        _ = try await call.controller.samples.withdraw(last, by: call.identity)
        return call.redirect(to: "/annotate?sample=\(last)")
    }

    private static func empty(_ counts: SampleCounts) -> EmptyView {
        counts.total == 0
            ? EmptyView(
                icon: "annotate", heading: "No samples yet",
                text: "Devices choose frames by how unsure the model is and send them within their byte budget.")
            : EmptyView(
                icon: "check", heading: "All done",
                text: "Every sample has its verdict. New ones appear here by themselves.")
    }

    private static func view(of record: SampleRecord, _ call: PageRequest) async throws -> Sample {
        let described = try await call.controller.samples.description(of: record)
        let classes = described?.classes ?? [record.predictedClass]
        let scores = record.scores.values
        let order = classes.indices.sorted { score(scores, $0) > score(scores, $1) }
        let values = try call.controller.store.frames.values(record.frame)
        let second = order.dropFirst().first.map { "\(classes[$0]) at \(Format.percent(score(scores, $0)))" } ?? "none"
        let choices = classes.enumerated().map { index, name in
            let key = index < keys.count ? keys[index] : ""
            return Choice(
                name: name, key: key, keyLabel: key.uppercased(), share: Format.percent(score(scores, index), 0),
                isGuess: name == record.predictedClass,
                isChosen: record.verdict == .class && record.verdictClass == name)
        }
        return Sample(
            id: record.id ?? 0, heading: "Sample \(record.id ?? 0)", captured: call.time(record.capturedAt),
            plot: described.flatMap { plot(values, $0.input) },
            columns: described.flatMap { columns(values, $0.input) },
            guess: record.predictedClass, confidence: Format.percent(record.confidence), second: second,
            version: record.version.description, device: record.device.text, tags: DeviceText.tags(record.tags),
            probability: "probability \(Format.decimal(record.probability, 3))", judged: judged(record),
            choices: choices,
            isUnusable: record.verdict == .unusable)
    }

    private static func score(_ scores: [Float], _ index: Int) -> Double {
        scores.indices.contains(index) ? Double(scores[index]) : 0
    }

    private static func judged(_ record: SampleRecord) -> String? {
        switch record.verdict {
        case .class: record.verdictClass
        case .unusable: "unusable"
        case nil: nil
        }
    }

    private static func plot(_ values: [Float], _ input: FrameDescription) -> ChartView? {
        switch input.kind {
        case .timeseries:
            ChartView(
                svg: FramePlot.timeSeries(values, input),
                legend: input.channels.enumerated().map { index, channel in
                    ChartView.Entry(
                        name: channel.unit.isEmpty ? channel.name : "\(channel.name) (\(channel.unit))",
                        style: index % 8,
                        value: nil, isOver: false)
                })
        case .image: ChartView(svg: FramePlot.image(values, input), legend: [])
        case .table: nil
        }
    }

    private static func columns(_ values: [Float], _ input: FrameDescription) -> Columns? {
        guard input.kind == .table else { return nil }
        let cells = zip(input.channels, values).map { channel, value in
            FactView(
                name: channel.name,
                value: "\(Format.decimal(Double(value), value == value.rounded() ? 0 : 3)) \(channel.unit)")
        }
        return Columns(cells: cells)
    }
}
