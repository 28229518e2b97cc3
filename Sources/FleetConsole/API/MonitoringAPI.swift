import FleetController
import FleetModel
import FleetStore
import Hummingbird

/// `/api/v1/monitoring`: drift, accuracy and latency.
enum MonitoringAPI {
    static let endpoints = [
        Endpoint(
            method: .get, path: "/api/v1/monitoring/drift", tag: "monitoring",
            summary: "Drift over time by group, as ratio of PSI to its threshold", access: .read,
            parameters: [
                .query("group", .text, "A tag key such as side, or one group such as side=L; default all devices"),
                .query("feature", .text), .query("since", .time, "Default 24 hours ago"),
                .query("stepSeconds", .integer(minimum: 1, maximum: 86_400), "Default 60"),
            ], reply: .json(.list(of: .component(.driftPoint))), handle: drift),
        Endpoint(
            method: .get, path: "/api/v1/monitoring/accuracy", tag: "monitoring",
            summary: "Estimated accuracy with its 95 % interval, oldest first", access: .read,
            parameters: [.query("group", .text, "Such as side=L"), .query("since", .time)],
            reply: .json(.list(of: .component(.accuracy))), handle: accuracy),
        Endpoint(
            method: .get, path: "/api/v1/monitoring/latency", tag: "monitoring",
            summary: "Latency, errors and uncertainty by version", access: .read,
            parameters: [.query("since", .time, "Default 24 hours ago")],
            reply: .json(.list(of: .component(.latency))), handle: latency),
    ]

    private static func since(_ call: APIRequest, or interval: Interval) -> Instant {
        call.optionalText("since").flatMap(ISO8601.instant)
            ?? Instant(milliseconds: call.now.milliseconds - interval.milliseconds)
    }

    @Sendable private static func drift(_ call: APIRequest) async throws -> Response {
        let group = call.optionalText("group")
        let key = group.map { String($0.prefix { $0 != "=" }) }
        let points = try await call.store.queries.drift(
            by: key, feature: call.optionalText("feature"), since: since(call, or: .minutes(24 * 60)),
            step: .seconds(Int64(call.integer("stepSeconds") ?? 60)))
        let wanted = points.filter { group?.contains("=") == true ? $0.group == group : true }
        return .json(JSONValue.list(wanted.map { JSONValue($0) }))
    }

    @Sendable private static func accuracy(_ call: APIRequest) async throws -> Response {
        let estimates = try await call.store.queries.accuracy(
            group: call.optionalText("group"), since: call.optionalText("since").flatMap(ISO8601.instant) ?? .epoch)
        return .json(JSONValue.list(estimates.map { JSONValue($0) }))
    }

    @Sendable private static func latency(_ call: APIRequest) async throws -> Response {
        let summaries = try await call.store.queries.latency(since: since(call, or: .minutes(24 * 60)))
        return .json(JSONValue.list(summaries.map { JSONValue($0) }))
    }
}
