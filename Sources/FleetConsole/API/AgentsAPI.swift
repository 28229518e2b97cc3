import FleetController
import FleetModel
import FleetStore
import Foundation
import Hummingbird

/// `/api/v1/agents`: programs of devices, which are released as models are.
enum AgentsAPI {
    static let endpoints = [
        Endpoint(
            method: .post, path: "/api/v1/agents", tag: "agents",
            summary: "Pushes a program of devices as the next version of martlet-agent", access: .operate,
            parameters: [
                .query("version", .text, "What the program calls itself, such as 1.4.0"),
                .query("hardware", .text, "Hardware names that it runs on, separated by commas"),
            ], body: .bytes(["application/octet-stream"], limit: ControllerLimits.agentBytes),
            reply: .json(.component(.version), .created), handle: push)
    ]

    @Sendable private static func push(_ call: APIRequest) async throws -> Response {
        let hardware = (call.optionalText("hardware") ?? "").split(separator: ",").map(String.init)
        let record = try await call.controller.agents.push(
            Array(call.bytes.readableBytesView), name: call.optionalText("version") ?? "", hardware: hardware,
            by: call.identity)
        guard let overview = try await call.store.queries.versions(of: .agent, number: record.number).first else {
            throw APIError.notFound("version", record.id.description)
        }
        return .json(JSONValue(overview), status: .created)
    }
}
