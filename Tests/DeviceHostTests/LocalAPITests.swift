import FleetModel
import FleetWire
import Foundation
import Glibc
import MQTTTransport
import Synchronization
import Testing

@testable import DeviceHost

@Suite("The local API", .serialized)
struct LocalAPITests {
    /// A device with a model, its API on a Unix socket and on loopback.
    private struct Served {
        let fleet: TestFleet
        let device: TestDevice
        let servers: [LocalServer]
        let release: Digest

        init() throws {
            fleet = try TestFleet()
            device = try TestDevice("api", controller: fleet.controller, broker: fleet.broker)
            try device.start()
            let host = try #require(device.host)
            servers = [
                try LocalServer(host: host, loop: fleet.loop, address: .loopback(port: 0)),
                try LocalServer(host: host, loop: fleet.loop, address: .unix(path: "\(device.folder.path())/api.sock")),
            ]
            let client = try LocalClient(servers[0].address)
            #expect(client.send("GET", "/v2/health/live").status == 200)
            #expect(client.send("GET", "/v2/health/ready").status == 400)
            #expect(client.send("GET", "/v2/models/sign/ready").status == 404)
            close(client.descriptor)
            release = try fleet.install(try TestRelease(version: 3, gain: 1), on: device, generation: 1)
        }

        func stop() {
            for server in servers { server.stop() }
            device.stop()
        }
    }

    @Test("the status says what waits, class by class, and what was given up")
    func status() throws {
        let served = try Served()
        let client = try LocalClient(served.servers[0].address)
        let status = try client.json("GET", "/martlet/v1/status").value
        for name in ["spooled_reports", "spooled_samples", "spooled_log"] { #expect(status[name] != nil, "\(name)") }
        for name in ["reports_merged", "reports_dropped", "samples_dropped", "log_lines_dropped"] {
            #expect(status["health"]?[name] == .number(0), "\(name)")
        }
        close(client.descriptor)
        served.stop()
    }

    @Test("health, metadata and inference over both sockets, as the Open Inference Protocol has them")
    func inference() throws {
        let served = try Served()
        for server in served.servers {
            let client = try LocalClient(server.address)
            #expect(client.send("GET", "/v2/health/ready").status == 200)
            #expect(client.send("HEAD", "/v2/health/ready").status == 200)
            for path in ["", "/versions/3"] {
                #expect(client.send("GET", "/v2/models/sign\(path)/ready").status == 200)
                let metadata = try client.json("GET", "/v2/models/sign\(path)").value
                #expect(metadata["name"] == .string("sign"))
                #expect(metadata["versions"] == .array([.string("3")]))
                #expect(metadata["inputs"]?.list?.first?["shape"] == .array([.number(-1), .number(2), .number(2)]))
            }
            #expect(client.send("GET", "/v2/models/sign/versions/2/ready").status == 404)
            #expect(try client.json("GET", "/v2").value["extensions"] == .array([.string("binary_tensor_data")]))
            let answer = try client.json(
                "POST", "/v2/models/sign/infer",
                #"{"id":"q","parameters":{"tag":"lot-1"},"inputs":[{"name":"frame","shape":[1,2,2],"datatype":"FP32","data":[[[1,2],[3,4]]]}]}"#
            )
            #expect(answer.status == 200)
            #expect(answer.value["id"] == .string("q"))
            #expect(answer.value["model_version"] == .string("3"))
            #expect(answer.value["parameters"]?["release"] == .string(served.release.hex))
            #expect(answer.value["parameters"]?["class"] == .string("up"))
            let scores = answer.value["outputs"]?.list?.first
            #expect(scores?["shape"] == .array([.number(1), .number(2)]))
            guard case .number(let first)? = scores?["data"]?.list?.first else {
                throw JSONError(offset: 0, expected: "")
            }
            #expect(abs(Float(first) - TestModel.scores([1, 2, 3, 4], gain: 1)[0]) < 1e-5)
            close(client.descriptor)
        }
        eventually("the tag travels with a sample") {
            served.fleet.controller.seen.withLock { $0.samples.contains { $0.tag == "lot-1" } }
        }
        served.stop()
    }

    @Test("binary tensors in, binary tensors out, several frames at once")
    func binary() throws {
        let served = try Served()
        let client = try LocalClient(served.servers[0].address)
        let frames: [Float] = [1, 2, 3, 4, -4, -3, -2, -1]
        let json = Array(
            #"{"inputs":[{"name":"frame","shape":[2,4],"datatype":"FP32","parameters":{"binary_data_size":32}}],"parameters":{"binary_data_output":true}}"#
                .utf8)
        let answer = client.send(
            "POST", "/v2/models/sign/infer", body: json + TensorValues.bytes(of: frames),
            headers: ["Inference-Header-Content-Length: \(json.count)"])
        #expect(answer.status == 200)
        let field = answer.head.split(separator: "\r\n").first { $0.hasPrefix("Inference-Header-Content-Length: ") }
        let length = try #require(field.flatMap { Int($0.dropFirst(33)) })
        let value = try JSONReader.read(answer.body[..<length])
        let sizes = value["outputs"]?.list?.map { $0["parameters"]?["binary_data_size"]?.integer }
        #expect(sizes == [16, 14])
        let scores = try #require(TensorValues.read(answer.body[length..<length + 16], type: "FP32"))
        #expect(scores[0] > 0.9 && scores[3] > 0.9)
        #expect(Array(answer.body[(length + 16)...]) == TensorValues.bytes(of: ["up", "down"]))
        served.stop()
    }

    @Test("NVIDIA's client of the protocol reads, infers in both forms and understands refusals")
    func tritonClient() throws {
        let served = try Served()
        guard case .loopback(let port) = served.servers[0].address else { throw POSIXError(.EADDRNOTAVAIL) }
        let peers = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../peers").standardized
        let python = try output(of: "/bin/bash", [peers.appending(path: "setup.sh").path]).text
        let client = try output(
            of: python.trimmingCharacters(in: .newlines),
            [peers.appending(path: "triton_client.py").path, "\(port)", "sign", "3"])
        #expect(client.status == 0)
        #expect(client.text == "the client agrees\n")
        served.stop()
    }

    /// What a program prints, and its exit status.
    private func output(of program: String, _ arguments: [String]) throws -> (status: Int32, text: String) {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    @Test("mistakes are answered with a status and an error text, and the connection goes on")
    func mistakes() throws {
        let served = try Served()
        let client = try LocalClient(served.servers[0].address)
        let wrong: [(String, String, String, Int)] = [
            ("GET", "/", "", 404), ("GET", "/v3", "", 404), ("POST", "/v2", "", 405),
            ("GET", "/v2/models/other", "", 404), ("GET", "/v2/models/sign/infer", "", 405),
            ("POST", "/v2/models/sign/infer", "{", 400), ("POST", "/v2/models/sign/infer", "[]", 400),
            ("POST", "/v2/models/sign/infer", "{}", 400), ("TRACE", "/v2/health/live", "", 405),
            ("POST", "/v2/models/sign/infer", #"{"inputs":[{"shape":[4],"datatype":"TEXT","data":[1,2,3,4]}]}"#, 400),
            ("POST", "/v2/models/sign/infer", #"{"inputs":[{"shape":[3],"datatype":"FP32","data":[1,2,3]}]}"#, 400),
            ("POST", "/v2/models/sign/infer", #"{"inputs":[{"shape":[4],"datatype":"FP32","data":[1,2,3]}]}"#, 400),
            ("POST", "/v2/models/sign/infer", #"{"inputs":[{"shape":[4],"datatype":"FP32","data":["a",2,3,4]}]}"#, 400),
            (
                "POST", "/v2/models/sign/infer", #"{"inputs":[{"shape":[4],"datatype":"FP32","data":[null,2,3,4]}]}"#,
                400
            ),
            ("POST", "/v2/models/sign/infer", #"{"inputs":[{"shape":[9e9,9e9],"datatype":"FP32","data":[1]}]}"#, 400),
        ]
        for (method, path, body, status) in wrong {
            let answer = try client.json(method, path, body)
            #expect(answer.status == status, "\(method) \(path) \(body)")
            #expect(answer.value["error"]?.text?.isEmpty == false, "\(method) \(path) \(body)")
        }
        #expect(client.send("GET", "/v2/health/live").status == 200)
        #expect(client.send("GET", "/ HTTP/9 ").status == 400)
        served.stop()
    }

    @Test("more connections than the limit wait, and are served when others close")
    func manyConnections() throws {
        let served = try Served()
        let address = served.servers[0].address
        let clients = try (0..<64).map { _ in try LocalClient(address) }
        for client in clients { #expect(client.send("GET", "/v2/health/live").status == 200) }
        let late = try LocalClient(address)
        for client in clients { close(client.descriptor) }
        #expect(late.send("GET", "/v2/health/live").status == 200)
        served.stop()
    }
}
