import DeviceHost
import FleetCrypto
import FleetModel
import Foundation
import MQTTTransport
import Testing

@Suite("Configuration")
struct ConfigurationTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// An identity as `martlet device provision` writes it, but for the TLS files, which the transport reads.
    private static func identity(_ extra: String = "") throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "identity-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try SigningKey.generate().write(pemFile: folder.appending(path: "signing.pem").path())
        let root = Hexadecimal.text(try SigningKey.generate().publicKey)
        try "\(root)\n".write(to: folder.appending(path: "root.pub"), atomically: true, encoding: .utf8)
        let text =
            "# identity\nid = s1R\nbroker_host = 127.0.0.1\nbroker_port = 8883\ntopic_prefix = martlet/v1/\n\(extra)"
        try text.write(to: folder.appending(path: "device.conf"), atomically: true, encoding: .utf8)
        return folder
    }

    private static func problems(_ arguments: [String]) -> String? {
        do throws(DeviceError) {
            _ = try AgentConfiguration(try AgentOptions(arguments))
            return nil
        } catch { return error.context }
    }

    @Test("an identity's device.conf is enough")
    func identityAlone() throws {
        let folder = try Self.identity()
        let options = try AgentOptions(["--config", "\(folder.path())/device.conf", "--socket", "/tmp/x.sock"])
        let configuration = try AgentConfiguration(options)
        #expect(configuration.device.device.text == "s1R")
        #expect(configuration.device.brokerPort == 8883)
        #expect(configuration.device.folder.hasSuffix("/state"))
        #expect(configuration.listen == [.unix(path: "/tmp/x.sock")])
        #expect(configuration.device.tls?.certificateFile?.hasSuffix("/cert.pem") == true)
    }

    @Test("config/agent.conf is good, says the defaults, and the command line overrides it")
    func sample() throws {
        let folder = try Self.identity("tags = side=R,line=4\n")
        let path = Self.root.appending(path: "config/agent.conf").path()
        let configuration = try AgentConfiguration(
            try AgentOptions(["--config", path, "--identity", folder.path(), "--data", "/tmp/d", "--port", "0"]))
        let defaults = DeviceLimits()
        #expect(configuration.device.limits.update == defaults.update)
        #expect(configuration.device.limits.spool == defaults.spool)
        #expect(configuration.device.limits.arenaBytes == defaults.arenaBytes)
        #expect(configuration.device.limits.imageBytes == defaults.imageBytes)
        #expect(configuration.device.limits.diskReserve == defaults.diskReserve)
        #expect(configuration.device.limits.startSpread == defaults.startSpread)
        #expect(configuration.device.folder == "/tmp/d")
        #expect(configuration.device.tags == ["side": "R", "line": "4"])
        #expect(configuration.listen == [.unix(path: "/run/martlet-agent/api.sock"), .loopback(port: 0)])
        #expect(configuration.logsProgress)
    }

    @Test("every mistake is told, with its line")
    func mistakes() throws {
        let folder = try Self.identity("port = 70000\nlog = loud\nunknown = 1\nno equals sign\nid = twice\n")
        let text = try #require(Self.problems(["--config", "\(folder.path())/device.conf"]))
        for expected in [
            ":6: port: '70000' is not a whole number from 0 to 65535", ":7: log: 'loud' is not all or problems",
            ":8: unknown is not a key of this file", ":9: expected 'key = value'",
            ":10: id was already given in line 2",
        ] {
            #expect(text.contains(expected), "\(expected) in \(text)")
        }
    }

    @Test("missing files, keys and values are told by name")
    func missing() throws {
        #expect(Self.problems(["--config", "/nonexistent"])?.contains("/nonexistent") == true)
        #expect(Self.problems(["--config"])?.contains("--config needs a value") == true)
        #expect(Self.problems(["--frobnicate"])?.contains("unknown option --frobnicate") == true)
        let folder = try Self.identity()
        try "id = a b\n".write(to: folder.appending(path: "device.conf"), atomically: true, encoding: .utf8)
        let text = try #require(Self.problems(["--config", "\(folder.path())/device.conf"]))
        #expect(text.contains("broker_host is missing"))
        #expect(text.contains("broker_port is missing"))
        #expect(text.contains("'a b' is not a device id"))
        try FileManager.default.removeItem(at: folder.appending(path: "root.pub"))
    }
}
