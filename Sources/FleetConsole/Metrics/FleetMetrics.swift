import FleetController
import FleetModel
import FleetStore

/// What `/metrics` says: the fleet as the store knows it, and the HTTP side itself.
enum FleetMetrics {
    static func text(_ core: ConsoleCore) async throws -> String {
        let queries = core.controller.store.queries
        let summary = try await queries.summary()
        let running = try await queries.runningVersions()
        var text = PrometheusText()
        text.add("martlet_devices", .gauge, "Devices that are provisioned.", summary.devices)
        text.add("martlet_devices_online", .gauge, "Devices that are connected.", summary.online)
        text.add(
            "martlet_devices_running", .gauge, "Devices by the version that runs.", versions(running))
        text.add(
            "martlet_devices_with_receipt", .gauge, "Devices that hold a receipt, by version.",
            versions(summary.receipts))
        text.add("martlet_reports_received_total", .counter, "Reports stored.", summary.reports)
        text.add("martlet_samples_received_total", .counter, "Samples stored.", summary.samples)
        text.add("martlet_inferences_total", .counter, "Inferences that devices have reported.", summary.inferences)
        text.add(
            "martlet_duplicates_total", .counter, "Reports and samples that came again and were not counted again.",
            summary.duplicates)
        text.add("martlet_annotations_total", .counter, "Verdicts of people on samples.", summary.annotations)
        text.add(
            "martlet_alerts_open", .gauge, "Open alerts by kind.",
            AlertKind.allCases.map {
                PrometheusText.Sample(labels: [("kind", $0.rawValue)], value: Double(summary.openAlerts[$0] ?? 0))
            })
        text.add("martlet_webhooks_delivered_total", .counter, "Webhook messages delivered.", summary.webhooksDelivered)
        text.add("martlet_webhooks_pending", .gauge, "Webhook messages that wait.", summary.webhooksPending)
        text.add(
            "martlet_published_bytes_total", .counter, "Bytes published to the broker since the start.",
            try await core.controller.bytesPublished())
        text.add("martlet_event_streams", .gauge, "Server-sent event streams that are open.", core.openStreams)
        addRequests(&text, core.metrics.snapshot)
        return text.text
    }

    private static func versions(_ counts: [VersionID: Int]) -> [PrometheusText.Sample] {
        counts.sorted { $0.key < $1.key }.map { version, count in
            PrometheusText.Sample(
                labels: [("model", version.model.text), ("version", String(version.number))], value: Double(count))
        }
    }

    private static func addRequests(_ text: inout PrometheusText, _ state: RequestMetrics.State) {
        text.add(
            "martlet_http_requests_total", .counter, "HTTP requests answered.",
            state.requests.sorted { $0.key < $1.key }.map { key, count in
                PrometheusText.Sample(
                    labels: [("method", key.method), ("route", key.route), ("status", String(key.status))],
                    value: Double(count))
            })
        let buckets = zip(RequestMetrics.buckets, state.bucketCounts).map { end, count in
            PrometheusText.Sample(
                suffix: "_bucket", labels: [("le", PrometheusText.number(end))], value: Double(count))
        }
        text.add(
            "martlet_http_request_duration_seconds", .histogram, "Time to answer an HTTP request.",
            buckets + [
                PrometheusText.Sample(suffix: "_bucket", labels: [("le", "+Inf")], value: Double(state.count)),
                PrometheusText.Sample(suffix: "_sum", value: state.seconds),
                PrometheusText.Sample(suffix: "_count", value: Double(state.count)),
            ])
    }
}
