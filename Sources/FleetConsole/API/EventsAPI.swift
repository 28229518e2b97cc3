import FleetController
import FleetModel
import FleetStore
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle

/// Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): "look again at this".
enum EventsAPI {
    static let endpoints = [
        Endpoint(
            method: .get, path: "/api/v1/events", tag: "events",
            summary:
                "What changes, as it changes: event 'change' with kind and subject; 'resync' when the reader was too slow and must look at everything again",
            access: .read,
            reply: .eventStream
        ) { call in try stream(call) { _ in true } },
        Endpoint(
            method: .get, path: "/api/v1/rollouts/{id}/events", tag: "events",
            summary: "What changes in a rollout and on its devices", access: .read, parameters: [.path("id", .id)],
            reply: .eventStream, handle: rollout),
    ]

    @Sendable private static func rollout(_ call: APIRequest) async throws -> Response {
        let id = Int64(call.integer("id") ?? 0)
        guard try await call.store.queries.rollout(id) != nil else { throw APIError.notFound("rollout", "\(id)") }
        let devices = Set(try await call.store.queries.rolloutDevices(id).map(\.entry.device.text))
        return try stream(call) { change in
            switch change.kind {
            case .rollout: change.subject == "\(id)"
            // A draft has no devices yet, so every device may become one of its own.
            case .device: devices.isEmpty || devices.contains(change.subject)
            case .alert: true
            default: false
            }
        }
    }

    private static func stream(
        _ call: APIRequest, where isWanted: @escaping @Sendable (ChangeEvent) -> Bool
    ) throws -> Response {
        let core = call.core
        guard core.beginStream() else {
            throw APIError(
                .serviceUnavailable, "limitReached", "There are already \(ConsoleLimits.eventStreams) event streams.",
                hint: "Close one, or ask again without a stream.", headers: [.retryAfter: "30"])
        }
        let events = core.controller.events.subscribe(where: isWanted)
        let body = ResponseBody { writer in
            defer { core.endStream() }
            try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
            let heartbeat = Task {
                while (try? await Task.sleep(for: .seconds(ConsoleLimits.heartbeatSeconds))) != nil { events.beat() }
            }
            defer { heartbeat.cancel() }
            // The writer waits for a slow reader; the subscription keeps what it may meanwhile.
            for await notice in events.notices.cancelOnGracefulShutdown() {
                var text = try text(notice)
                if events.takeLoss() { text += "event: resync\ndata: {}\n\n" }
                try await writer.write(ByteBuffer(string: text))
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store", HTTPField.accelBuffering: "no"],
            body: body)
    }

    private static func text(_ notice: EventNotice) throws -> String {
        switch notice {
        case .beat: return ": still here\n\n"
        case .change(let change):
            let data: JSONValue = ["kind": .string(change.kind.rawValue), "subject": .string(change.subject)]
            return "event: change\ndata: \(try data.encodedText())\n\n"
        }
    }
}

extension HTTPField {
    /// Asks proxies (nginx) not to hold an event stream back.
    static let accelBuffering: HTTPField.Name = HTTPField.Name("X-Accel-Buffering") ?? .cacheControl
}
