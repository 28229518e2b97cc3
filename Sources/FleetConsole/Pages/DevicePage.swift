import FleetController
import FleetModel
import FleetStore
import FleetWire
import Hummingbird

/// One device: what it runs, how its inputs look, what it has proved and reported.
enum DevicePage {
    /// Reports in the chart; the table shows the newest ``tableReports``.
    static let chartReports = 200
    static let tableReports = 12
    /// Newest lines of the log.
    static let logLines = 50

    struct View {
        var id: String
        var health: StatusView
        var canOperate: Bool
        var canRevoke: Bool
        var slots: [Slot]
        var facts: [FactView]
        var tags: [String]
        var drift: [Drift]
        var reportNote: String
        var confidence: ChartView?
        var hasReports: Bool
        var reports: [ReportRow]
        var hasReceipts: Bool
        var receipts: [ReceiptRow]
        var logNote: String
        var hasLog: Bool
        var log: [LogRow]
    }

    struct Slot {
        var slot: String
        var hasSteps: Bool
        var steps: [StepView]
        var problem: String?
        var champion: String
        var desired: String
        var previous: String
        var activation: String
    }

    struct Drift {
        var feature: String
        var bar: String
        var value: String
        var isOver: Bool
    }

    struct ReportRow {
        var ended: TimeView
        var length: String
        var version: String
        var inferences: String
        var uncertain: String
        var mean: String
        var samples: String
        var errors: String
    }

    struct ReceiptRow {
        var version: String
        var committed: TimeView
        var error: String
        var latency: String
        var instructions: String
        var image: String
        var imageShort: String
    }

    struct LogRow {
        var at: TimeView
        var isProblem: Bool
        var text: String
        /// Such as "12 times"; nil if it was said once.
        var count: String?
        /// What the device gave up before it; nil if nothing.
        var dropped: String?
    }

    static func show(_ call: PageRequest) async throws -> Response {
        let id = try call.name("id", of: "device", as: DeviceID.self)
        guard let overview = try await call.queries.device(id, now: call.now) else {
            throw APIError.notFound("device", id.text)
        }
        let labels = try await call.queries.releaseLabels()
        let reports = try await call.queries.reports(of: id, limit: chartReports)
        let receipts = try await call.queries.receipts(of: id, limit: tableReports)
        let log = try await call.queries.log(of: id, limit: logLines)
        let drift = try await call.queries.drift(of: id).sorted { $0.ratio > $1.ratio }
        let view = View(
            id: id.text, health: DeviceText.health(overview),
            canOperate: call.may(.operate), canRevoke: call.may(.operate) && overview.device.revokedAt == nil,
            slots: overview.slots.map { slot($0, labels) }, facts: facts(overview.device, call),
            tags: overview.tags.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" },
            drift: drift.map(driftRow), reportNote: "\(Format.count(overview.recentInferences)) inferences in 24 h",
            confidence: reports.count > 1 ? confidence(reports) : nil, hasReports: !reports.isEmpty,
            reports: reports.prefix(tableReports).map { reportRow($0, call) }, hasReceipts: !receipts.isEmpty,
            receipts: receipts.map { receiptRow($0, call) },
            logNote: log.next == nil ? "What its agent said" : "The newest \(logLines) lines of what its agent said",
            hasLog: !log.items.isEmpty, log: log.items.map { logRow($0, call) })
        return try await call.page(
            "device", title: id.text, crumb: Frame.Link(path: "/", name: "Fleet"), view)
    }

    static func revoke(_ call: PageRequest) async throws -> Response {
        let id = try call.name("id", of: "device", as: DeviceID.self)
        try await call.controller.devices.revoke(id, reason: "revoked in the console", by: call.identity)
        return call.redirect(to: "/devices/\(id)")
    }

    private static func slot(_ slot: DeviceSlotRecord, _ labels: [Digest: ReleaseLabel]) -> Slot {
        let phases: [InstallPhase] = [.fetching, .verifying, .staged, .proving, .waiting, .probation, .committed]
        let name = { (digest: Digest?) in
            digest.map { digest in labels[digest].map { "\($0.version) in \($0.name)" } ?? "release \(digest.short)" }
                ?? "–"
        }
        let reached = phases.firstIndex(of: slot.phase)
        return Slot(
            slot: slot.slot.text, hasSteps: reached != nil,
            steps: reached.map {
                StepView.sequence(phases.map(\.rawValue), reached: slot.phase == .committed ? phases.count : $0)
            } ?? [],
            problem: slot.failure.map { "\(Format.words($0.rawValue).capitalizedFirst): \(slot.detail)" },
            champion: name(slot.champion), desired: name(slot.desiredRelease), previous: name(slot.previous),
            activation: activation(slot.activation))
    }

    static func activation(_ condition: ActivationCondition) -> String {
        switch condition {
        case .now: "as soon as it is proved"
        case .lotBoundary: "at the next lot boundary"
        case .window(let start, let end): "between \(clock(start)) and \(clock(end)) at the site"
        }
    }

    private static func clock(_ minute: Int) -> String {
        "\(ISO8601.pad(minute / 60, 2)):\(ISO8601.pad(minute % 60, 2))"
    }

    private static func facts(_ device: DeviceRecord, _ call: PageRequest) -> [FactView] {
        var facts = [
            FactView(name: "Hardware", value: device.hardware),
            FactView(name: "Agent", value: device.agentVersion ?? "–"),
            FactView(
                name: "Runtime",
                value: [device.runtimeVersion, device.instructionSet].compactMap { $0 }.joined(separator: ", ")),
            FactView(name: "Station", value: device.station?.text ?? "–"),
            FactView(name: "Last seen", value: device.lastSeen.map { Format.relative($0, to: call.now) } ?? "never"),
            FactView(name: "Certificate", value: device.certificateSerial ?? "–"),
            FactView(name: "Joined", value: ISO8601.readable(device.createdAt)),
            FactView(
                name: "Desired state",
                value: device.observedGeneration == device.generation
                    ? "generation \(device.generation), seen by the device"
                    : "generation \(device.generation), device saw \(device.observedGeneration)"),
        ]
        if let revoked = device.revokedAt { facts.append(FactView(name: "Revoked", value: ISO8601.readable(revoked))) }
        return facts.map { $0.value.isEmpty ? FactView(name: $0.name, value: "–") : $0 }
    }

    private static func driftRow(_ point: DriftPointRecord) -> Drift {
        let value = "\(Format.decimal(point.ratio, 2))×"
        return Drift(
            feature: point.feature,
            bar: Bar.against(
                limit: point.threshold, value: point.psi,
                label:
                    "\(point.feature): PSI \(Format.decimal(point.psi, 2)), threshold \(Format.decimal(point.threshold, 2))"
            ),
            value: value, isOver: point.ratio > 1)
    }

    private static func confidence(_ reports: [ReportRecord]) -> ChartView {
        let points = reports.reversed().map {
            LineChart.Point(at: $0.endedAt, value: $0.confidenceMean, note: Format.count($0.inferences, "inference"))
        }
        let chart = LineChart(
            summary: "Mean confidence of the device's answers over its last \(reports.count) reports",
            unit: "Mean confidence", series: [LineChart.Series(name: "Mean confidence", points: points, style: 0)],
            range: 0...1, format: { Format.percent($0, 0) })
        return ChartView(
            svg: chart.html,
            legend: [
                ChartView.Entry(
                    name: "Mean confidence of a report", style: 0,
                    value: points.last.map { Format.percent($0.value) }, isOver: false)
            ])
    }

    private static func reportRow(_ report: ReportRecord, _ call: PageRequest) -> ReportRow {
        let share = report.inferences > 0 ? Double(report.uncertain) / Double(report.inferences) : 0
        return ReportRow(
            ended: call.time(report.endedAt), length: "over \(Format.interval(report.endedAt.since(report.startedAt)))",
            version: report.version.description, inferences: Format.count(report.inferences),
            uncertain: Format.percent(share), mean: Format.percent(report.confidenceMean),
            samples: "\(Format.count(report.samplesChosen)) of \(Format.count(report.samplesOffered))",
            errors: Format.count(report.errors))
    }

    private static func logRow(_ line: DeviceLogRecord, _ call: PageRequest) -> LogRow {
        LogRow(
            at: call.time(line.at), isProblem: line.severity == .problem, text: line.text,
            count: line.count > 1 ? Format.count(line.count, "time") : nil,
            dropped: line.dropped > 0 ? "\(Format.count(line.dropped, "line")) before it given up" : nil)
    }

    private static func receiptRow(_ receipt: ReceiptRecord, _ call: PageRequest) -> ReceiptRow {
        ReceiptRow(
            version: receipt.version.description, committed: call.time(receipt.committedAt),
            error: receipt.goldenError == 0 ? "0" : String(receipt.goldenError.roundedToTwoDigits),
            latency: Format.microseconds(Double(receipt.latency)), instructions: receipt.instructionSet,
            image: receipt.image.hex, imageShort: receipt.image.short)
    }
}

extension Double {
    /// Rounded to two significant digits, such as 1.2e-07.
    var roundedToTwoDigits: Double {
        guard self != 0, isFinite else { return self }
        var scale = 1.0
        var value = magnitude
        while value < 10 {
            value *= 10
            scale *= 10
        }
        while value >= 100 {
            value /= 10
            scale /= 10
        }
        return (self * scale).rounded() / scale
    }
}
