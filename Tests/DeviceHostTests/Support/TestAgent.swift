import BuiltPrograms
import FleetCrypto
import FleetModel
import Foundation
import Glibc
import MQTTTransport
import Testing

@testable import DeviceHost

/// A certificate authority, a broker with mutual TLS, and a controller that is a client of it.
final class SecureFleet: @unchecked Sendable {
    let broker: TestBroker
    let loop: MQTTLoop
    let controller: TestController
    let authority: CertificateAuthority
    private let folder: URL

    static var validity: CertificateAuthority.Validity {
        let now = Instant(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
        return CertificateAuthority.Validity(from: now.advanced(by: .minutes(-5)), until: now.advanced(by: .days(90)))
    }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "secure-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        authority = try CertificateAuthority.create(name: "test authority", validity: Self.validity)
        try authority.certificate.write(pemFile: folder.appending(path: "ca.pem").path())
        let key = try PrivateKey.generate()
        try key.write(pemFile: folder.appending(path: "broker.key").path())
        try authority.issueServer(names: ["127.0.0.1"], commonName: "broker", key: key, validity: Self.validity)
            .write(pemFile: folder.appending(path: "broker.pem").path())
        broker = try TestBroker(tls: folder)
        loop = try MQTTLoop()
        loop.start()
        controller = try TestController(broker: broker, loop: loop)
        try controller.publishRoles()
    }

    deinit { try? FileManager.default.removeItem(at: folder) }
}

/// A real `martlet-agent`: a process with an identity and a folder of its own.
final class TestAgent: @unchecked Sendable {
    let id: DeviceID
    let folder: URL
    let socket: String
    private(set) var process: Process?
    private let notify = NotifySocket()
    let signingKey: SigningKey

    init(_ name: String, fleet: SecureFleet, settings: [String] = []) throws {
        id = try DeviceID(name)
        folder = FileManager.default.temporaryDirectory.appending(path: "agent-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        socket = "\(folder.path())/api.sock"
        signingKey = try SigningKey.generate()
        let identity = folder.appending(path: "identity")
        try FileManager.default.createDirectory(at: identity, withIntermediateDirectories: true)
        let key = try PrivateKey.generate()
        try key.write(pemFile: identity.appending(path: "key.pem").path())
        try fleet.authority.issueClient(commonName: name, key: key, validity: SecureFleet.validity)
            .write(pemFile: identity.appending(path: "cert.pem").path())
        try fleet.authority.certificate.write(pemFile: identity.appending(path: "ca.pem").path())
        try signingKey.write(pemFile: identity.appending(path: "signing.pem").path())
        let root = fleet.controller.trust.root.publicKey.map { String(format: "%02x", $0) }.joined()
        try write(root, "identity/root.pub")
        try write(
            "id = \(name)\nbroker_host = 127.0.0.1\nbroker_port = \(fleet.broker.tlsPort ?? 0)\n",
            "identity/device.conf")
        try configure(settings)
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(at: folder)
    }

    func write(_ text: String, _ name: String) throws {
        try text.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
    }

    /// Writes agent.conf.
    func configure(_ settings: [String]) throws {
        let lines = [
            "identity = \(folder.path())/identity", "data = \(folder.path())/state", "socket = \(socket)",
            "start_spread_seconds = 0", "probation_inferences = 5",
        ]
        try write((lines + settings).joined(separator: "\n"), "agent.conf")
    }

    var state: URL { folder.appending(path: "state") }

    /// Starts the process.
    func start(environment: [String: String] = [:]) throws {
        let process = Process()
        process.executableURL = try BuiltPrograms.agent()
        process.arguments = ["--config", folder.appending(path: "agent.conf").path()]
        var all = ProcessInfo.processInfo.environment
        all["NOTIFY_SOCKET"] = notify.path
        process.environment = all.merging(environment) { $1 }
        let log = folder.appending(path: "log")
        if !FileManager.default.fileExists(atPath: log.path()) { try Data().write(to: log) }
        let handle = try FileHandle(forWritingTo: log)
        try handle.seekToEnd()
        process.standardError = handle
        process.standardOutput = handle
        try process.run()
        self.process = process
    }

    /// Lets the process take so many bytes of address space more than it has; nil: as many as it likes.
    func limitMemory(toFurther bytes: Int?) throws {
        let pages = try String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8).split(separator: " ").first
        let taken = (pages.flatMap { Int($0) } ?? 0) * sysconf(Int32(_SC_PAGESIZE))
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/prlimit")
        process.arguments = ["--pid", "\(pid)", "--as=\(bytes.map { "\(taken + $0)" } ?? "unlimited"):unlimited"]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    var log: String { (try? String(contentsOf: folder.appending(path: "log"), encoding: .utf8)) ?? "" }
    var pid: Int32 { process?.processIdentifier ?? 0 }
    /// What the agent told its service manager since the last look.
    func told() -> [String] { notify.received() }

    /// A child of a test's thread inherits its blocked signals; SIGKILL always reaches it.
    func kill() {
        guard let process else { return }
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }

    /// Stops it where it is, and waits until it stands (state T of proc(5)).
    func hold() throws {
        Glibc.kill(pid, SIGSTOP)
        let stands = (0..<1000).contains { _ in
            usleep(1000)
            let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            return stat?.contains(") T ") == true
        }
        try #require(stands, "a held agent stands")
    }

    /// Ends in order.
    func terminate() -> Int32 {
        guard let process else { return -1 }
        process.terminate()
        process.waitUntilExit()
        self.process = nil
        return process.terminationStatus
    }

    /// Runs another command of the agent with this configuration.
    func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = try BuiltPrograms.agent()
        process.arguments = arguments + ["--config", folder.appending(path: "agent.conf").path()]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, output)
    }

    /// The local API's answer; nil while nobody listens.
    func ask(_ method: String, _ path: String, _ text: String = "") -> (status: Int, value: JSON)? {
        guard let client = try? LocalClient(.unix(path: socket)) else { return nil }
        defer { close(client.descriptor) }
        guard let answer = try? client.json(method, path, text), answer.status > 0 else { return nil }
        return answer
    }

    /// The release that serves.
    var serving: String? { ask("GET", "/martlet/v1/status")?.value["slots"]?.list?.first?["release"]?.text }

    /// Waits until the agent serves a release and committed it.
    func install(_ release: TestRelease, generation: UInt64, fleet: SecureFleet, frame: [Float]) throws -> Digest {
        let digest = try fleet.controller.publish(release, chunkBytes: 64 << 10)
        fleet.controller.want(digest, on: id, generation: generation)
        eventually("it serves", seconds: 20) { serving == digest.hex }
        for _ in 0..<6 { _ = ask("POST", "/v2/models/sign/infer", Self.request(frame, release)) }
        eventually("it is committed") { fleet.controller.receipts(id).last?.release == digest }
        return digest
    }

    static func request(_ frame: [Float], _ release: TestRelease, count: Int = 1) -> String {
        let input = release.manifest.parts[0].input
        let values = Array(repeating: frame.map { "\($0)" }.joined(separator: ","), count: count).joined(separator: ",")
        let shape = "[\(count),\(input.steps),\(input.width)]"
        return #"{"inputs":[{"name":"frame","datatype":"FP32","shape":\#(shape),"data":[\#(values)]}]}"#
    }
}

/// A service manager's end of the notification protocol.
final class NotifySocket: @unchecked Sendable {
    let path: String
    private let descriptor: Int32

    init() {
        path = "\(FileManager.default.temporaryDirectory.path())/notify-\(UUID().uuidString.prefix(8))"
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        _ = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    deinit {
        close(descriptor)
        unlink(path)
    }

    func received() -> [String] {
        var lines: [String] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return lines }
            lines += String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n").map(String.init)
        }
    }
}
