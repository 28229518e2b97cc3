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
            summary: "What changes, as it changes: event 'change' with kind and subject", access: .read,
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

    /// What goes to the reader.
    private enum Part: Sendable {
        case change(ChangeEvent)
        case heartbeat
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
        let changes = core.controller.events.subscribe()
        let body = ResponseBody { writer in
            defer { core.endStream() }
            try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
            for await part in parts(changes, isWanted).cancelOnGracefulShutdown() {
                try await writer.write(ByteBuffer(string: try text(part)))
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store", HTTPField.accelBuffering: "no"],
            body: body)
    }

    /// Changes that are wanted, and a heartbeat while nothing happens.
    private static func parts(
        _ changes: AsyncStream<ChangeEvent>, _ isWanted: @escaping @Sendable (ChangeEvent) -> Bool
    ) -> AsyncStream<Part> {
        AsyncStream { continuation in
            let work = Task {
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for await change in changes where isWanted(change) { continuation.yield(.change(change)) }
                        continuation.finish()
                    }
                    group.addTask {
                        while (try? await Task.sleep(for: .seconds(ConsoleLimits.heartbeatSeconds))) != nil {
                            continuation.yield(.heartbeat)
                        }
                    }
                    await group.next()
                    group.cancelAll()
                }
            }
            continuation.onTermination = { _ in work.cancel() }
        }
    }

    private static func text(_ part: Part) throws -> String {
        switch part {
        case .heartbeat: return ": still here\n\n"
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
