import FleetController
import FleetModel
import FleetStore
import Hummingbird
import Sketches

/// Drift, accuracy and latency over time, by group.
enum MonitoringPage {
    /// Drift series of a chart have at most this many points.
    static let points: Int64 = 60

    struct View {
        var tagChoices: [ChoiceView]
        var spanChoices: [ChoiceView]
        var hasAccuracy: Bool
        var accuracy: [GroupChart]
        var noAccuracy: EmptyView?
        var hasDrift: Bool
        var drift: [GroupChart]
        var noDrift: EmptyView?
        var hasLatency: Bool
        var latency: [LatencyRow]
        var noLatency: EmptyView?
    }

    struct GroupChart {
        var group: String
        var verdict: StatusView
        var svg: String
        var legend: [ChartView.Entry]
        var note: String
    }

    struct LatencyRow {
        var version: String
        var median: String
        var p95: String
        var p99: String
        var inferences: String
        var uncertain: String
        var errors: String
        var devices: String
    }

    /// The period shown.
    enum Span: String, CaseIterable {
        case hour, day, week, month

        var interval: Interval {
            switch self {
            case .hour: .minutes(60)
            case .day: .minutes(24 * 60)
            case .week: .minutes(7 * 24 * 60)
            case .month: .minutes(30 * 24 * 60)
            }
        }

        var name: String {
            switch self {
            case .hour: "Last hour"
            case .day: "Last 24 hours"
            case .week: "Last 7 days"
            case .month: "Last 30 days"
            }
        }
    }

    static func show(_ call: PageRequest) async throws -> Response {
        let span = Span(rawValue: call.query("span")) ?? .day
        let keys = try await call.queries.tagKeys()
        let asked = call.query("by")
        let usual = call.controller.configuration.groupTags.first ?? ""
        let tag = asked == "*" ? nil : keys.contains(asked) ? asked : keys.contains(usual) ? usual : nil
        let since = Instant(milliseconds: call.now.milliseconds - span.interval.milliseconds)
        let step = Interval(milliseconds: max(1000, span.interval.milliseconds / points))
        var drift = try await call.queries.drift(by: tag, since: since, step: step)
        // A fleet that is younger than the period: steps that fit it, or all would fall into one.
        if let oldest = drift.map(\.at).min() {
            let fitted = call.now.since(axis(since, call.now, [oldest]).lowerBound)
            let finer = Interval(milliseconds: max(1000, fitted.milliseconds / points))
            if finer < step { drift = try await call.queries.drift(by: tag, since: since, step: finer) }
        }
        let accuracy = try await call.queries.accuracy(since: since)
        let latency = try await call.queries.latency(since: since)
        let period = axis(since, call.now, drift.map(\.at) + accuracy.map(\.at))
        let view = View(
            tagChoices: [ChoiceView(value: "*", name: "All devices", isChosen: tag == nil)]
                + keys.map { ChoiceView(value: $0, name: $0, isChosen: $0 == tag) },
            spanChoices: Span.allCases.map { ChoiceView(value: $0.rawValue, name: $0.name, isChosen: $0 == span) },
            hasAccuracy: !accuracy.isEmpty, accuracy: accuracyCharts(accuracy, period),
            noAccuracy: accuracy.isEmpty
                ? EmptyView(
                    icon: "annotate", heading: "No estimate in this period",
                    text:
                        "Accuracy is estimated from annotated samples, weighted by the probability with which each was chosen. Annotate some to see it."
                ) : nil,
            hasDrift: !drift.isEmpty, drift: driftCharts(drift, period),
            noDrift: drift.isEmpty
                ? EmptyView(
                    icon: "monitoring", heading: "No drift verdict in this period",
                    text: "A verdict takes at least 100 inferences of a device on one release.") : nil,
            hasLatency: !latency.isEmpty, latency: latency.map(latencyRow),
            noLatency: latency.isEmpty
                ? EmptyView(
                    icon: "clock", heading: "No report in this period", text: "Devices report while they infer.") : nil)
        return try await call.page(
            "monitoring", title: "Monitoring", lede: "How well the models do, by group of devices.", view)
    }

    /// The period that charts show: all of what was asked for, or from a little before the oldest data on if all of it
    /// is younger.
    static func axis(_ since: Instant, _ now: Instant, _ moments: [Instant]) -> ClosedRange<Instant> {
        guard let oldest = moments.min(), oldest < now else { return since...now }
        let room = max(now.since(oldest).milliseconds / 20, 5_000)
        return max(since, oldest.advanced(by: Interval(milliseconds: -room)))...now
    }

    // MARK: - Drift

    static func driftCharts(_ points: [DriftSeriesPoint], _ span: ClosedRange<Instant>) -> [GroupChart] {
        let features = points.map(\.feature).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }.sorted()
        let highest = max(1.25, points.map(\.ratio).max() ?? 1)
        return Dictionary(grouping: points, by: \.group).sorted { $0.key < $1.key }.map { group, points in
            let byFeature = Dictionary(grouping: points, by: \.feature)
            let series = features.enumerated().compactMap { index, feature -> LineChart.Series? in
                guard let points = byFeature[feature] else { return nil }
                return LineChart.Series(
                    name: feature,
                    points: points.map {
                        LineChart.Point(
                            at: $0.at, value: $0.ratio,
                            note: "\(Format.count($0.devices, "device")), worst \(Format.decimal($0.worst, 2))")
                    }, style: index)
            }
            let last = series.compactMap { series in series.points.last.map { (series.name, $0.value) } }
            let over = last.filter { $0.1 > 1 }.sorted { $0.1 > $1.1 }
            let chart = LineChart(
                summary:
                    "Drift of \(group) by feature: \(last.map { "\($0.0) \(Format.decimal($0.1, 2))" }.joined(separator: ", "))",
                unit: "PSI ÷ threshold", series: series,
                marks: [LineChart.Mark(value: 1, label: "drift above 1", isLimit: true)], range: 0...highest,
                format: { Format.decimal($0, 2) }, span: span)
            return GroupChart(
                group: groupName(group), verdict: over.isEmpty ? .ok("No drift") : .warn("Drift"), svg: chart.html,
                legend: series.map { legend($0) },
                note: over.isEmpty
                    ? "Every feature is below its threshold."
                    : "Above the threshold: \(over.map { "\($0.0) (\(Format.decimal($0.1, 2))×)" }.joined(separator: ", "))."
            )
        }
    }

    private static func legend(_ series: LineChart.Series) -> ChartView.Entry {
        let last = series.points.last?.value ?? 0
        return ChartView.Entry(
            name: series.name, style: series.style % 8, value: "\(Format.decimal(last, 2))×", isOver: last > 1)
    }

    // MARK: - Accuracy

    static func accuracyCharts(
        _ estimates: [AccuracyEstimateRecord], _ span: ClosedRange<Instant>
    ) -> [GroupChart] {
        Dictionary(grouping: estimates, by: \.groupKey).sorted { $0.key < $1.key }.map { group, estimates in
            let versions = Set(estimates.map(\.version)).sorted()
            let series = versions.enumerated().map { index, version in
                LineChart.Series(
                    name: version.description,
                    points: estimates.filter { $0.version == version }.map {
                        LineChart.Point(
                            at: $0.at, value: $0.estimate, low: $0.low, high: $0.high,
                            note:
                                "95 % between \(Format.percent($0.low)) and \(Format.percent($0.high)), \(Format.count($0.labels, "label"))"
                        )
                    }, style: index)
            }
            let newest = estimates.max { ($0.version, $0.at) < ($1.version, $1.at) }
            let promise = newest?.promised ?? 0
            let chart = LineChart(
                summary: "Estimated accuracy of \(group): \(newest.map { Format.percent($0.estimate) } ?? "none")",
                unit: "Estimated accuracy, 95 % interval", series: series,
                marks: [
                    LineChart.Mark(value: promise, label: "promised \(Format.percent(promise, 0))", isLimit: false)
                ],
                range: 0...1, format: { Format.percent($0, 0) }, span: span)
            return GroupChart(
                group: groupName(group), verdict: newest.map(verdict) ?? .plain("No estimate"), svg: chart.html,
                legend: series.map {
                    ChartView.Entry(
                        name: $0.name, style: $0.style % 8, value: $0.points.last.map { Format.percent($0.value) },
                        isOver: false)
                },
                note: newest.map {
                    "\($0.version): \(Format.percent($0.estimate)), 95 % between \(Format.percent($0.low)) and \(Format.percent($0.high)), from \(Format.count($0.labels, "label")); promised \(Format.percent($0.promised))."
                } ?? "")
        }
    }

    private static func verdict(_ estimate: AccuracyEstimateRecord) -> StatusView {
        if estimate.high < estimate.promised { return .bad("Below its promise", icon: "warn") }
        return estimate.low >= estimate.promised
            ? .ok("Keeps its promise") : .plain("Within the interval", icon: "info")
    }

    private static func groupName(_ group: String) -> String { group == "*" ? "All devices" : group }

    private static func latencyRow(_ summary: LatencySummary) -> LatencyRow {
        let quantile = { (q: Double) in summary.latency.quantile(q).map(Format.microseconds) ?? "–" }
        return LatencyRow(
            version: summary.version.description, median: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99),
            inferences: Format.count(summary.inferences),
            uncertain: summary.inferences > 0
                ? Format.percent(Double(summary.uncertain) / Double(summary.inferences)) : "–",
            errors: Format.count(summary.errors), devices: Format.count(summary.devices))
    }
}
