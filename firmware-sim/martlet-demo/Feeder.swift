import AsyncHTTPClient
import FleetClient
import Foundation
import FrameSource
import NIOCore
import NIOHTTP1
import VirtualFleet

/// Drives one `martlet-agent` through the Open Inference Protocol on its local socket, as the application on a real
/// device would: it polls until the model is ready, then sends one frame after another.
struct Feeder {
    let device: String
    let model: String
    let socket: String
    let frames: [RecordedFrame]
    let framesPerSecond: Int
    let seed: UInt64
    let logFile: String
    let http: HTTPClient

    /// Largest answer read, in bytes.
    private static let answerLimit = 1 << 20

    /// Runs until the task is cancelled.
    func run() async throws {
        guard var replay = StreamReplay(frames: frames, seed: seed) else {
            throw SimulationError.noFrames(device: device)
        }
        let log = try PredictionLog(path: logFile)
        defer { try? log.flush() }
        let interval = Duration.microseconds(1_000_000 / framesPerSecond)
        var next = ContinuousClock.now
        while !Task.isCancelled {
            guard await isReady() else {
                try? await Task.sleep(for: .milliseconds(200))
                next = .now
                continue
            }
            let frame = replay.next()
            if let answer = try await infer(frame) {
                let now = Int64(Date().timeIntervalSince1970 * 1000)
                try log.append(
                    PredictionLog.Entry(
                        device: device, frame: frame.index, version: answer.version, classIndex: answer.classIndex),
                    atMilliseconds: now)
                try log.flush()
            }
            next += interval
            try? await Task.sleep(until: next, clock: .continuous)
        }
    }

    private func isReady() async -> Bool {
        guard let response = try? await http.execute(request("/v2/models/\(model)/ready"), timeout: .seconds(5)) else {
            return false
        }
        _ = try? await response.body.collect(upTo: Self.answerLimit)
        return response.status.code == 200
    }

    private func infer(_ frame: RecordedFrame) async throws -> (version: Int, classIndex: Int)? {
        var request = request("/v2/models/\(model)/infer")
        request.method = .POST
        let body: JSONValue = [
            "id": .string("f\(frame.index)"), "parameters": ["tag": .string("f\(frame.index)")],
            "inputs": [
                [
                    "name": "frame", "shape": [1, .number(Double(frame.values.count))], "datatype": "FP32",
                    "data": .array(frame.values.map { .number(Double($0)) }),
                ]
            ],
        ]
        request.body = .bytes(ByteBuffer(string: try body.text()))
        guard let response = try? await http.execute(request, timeout: .seconds(5)) else { return nil }
        let bytes = try await response.body.collect(upTo: Self.answerLimit)
        guard response.status.code == 200 else { return nil }
        let answer = try JSONValue(parsing: bytes.readableBytesView)
        let scores = answer["outputs"].array.first?["data"].array.compactMap(\.number) ?? []
        guard let best = scores.indices.max(by: { scores[$0] < scores[$1] }),
            let version = answer["model_version"].string.flatMap(Int.init)
        else { throw FleetClientError.malformed(path: socket, reason: try answer.text()) }
        return (version, best)
    }

    private func request(_ path: String) -> HTTPClientRequest {
        let allowed = CharacterSet.alphanumerics
        let host = socket.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
        return HTTPClientRequest(url: "http+unix://\(host)\(path)")
    }
}
