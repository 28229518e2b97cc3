import BuiltPrograms
import FleetCrypto
import FleetModel
import Foundation
import Glibc
import Logging
import MQTTTransport
import Testing

@testable import FleetController

@Suite("The embedded broker, with a real mosquitto", .timeLimit(.minutes(3)))
struct EmbeddedBrokerTests {
    @Test(
        "the controller hears every device, and devices are confined to their own topics, with a guard as without",
        arguments: [false, true])
    func accessRules(guarded: Bool) async throws {
        let bench = try BrokerBench()
        let broker = try bench.broker { $0.guardPlugin = guarded ? try? GuardPlugin.path.get() : nil }
        #expect(try await broker.start() == .launched)
        let controller = try bench.controller(of: broker)
        await controller.connect(subscribing: ["martlet/v1/#"])
        let own = try bench.device("press-4", of: broker)
        let other = try bench.device("press-5", of: broker)
        await own.connect(subscribing: ["martlet/v1/dev/press-4/dn/#", "martlet/v1/release/#"])
        await other.connect(subscribing: ["martlet/v1/blob/abc/c/0/+"])
        // Without a guard mosquitto takes the subscription, and delivers nothing.
        other.client.subscribe(["martlet/v1/dev/press-4/#"], qos: .atLeastOnce)

        own.publish("martlet/v1/dev/press-4/up/report", "r1")
        await eventually("the report arrives") { controller.saw("martlet/v1/dev/press-4/up/report=r1") }
        for topic in ["dev/press-5/up/report", "dev/press-4/dn/desired", "release/x", "trust/roles", "other"] {
            own.publish("martlet/v1/\(topic)", "forged")
            await eventually("\(topic) is refused") { own.saw("refused martlet/v1/\(topic) 135") }
        }
        controller.publish("martlet/v1/dev/press-4/dn/desired", "d1", retain: true)
        controller.publish("martlet/v1/release/abc", "m1", retain: true)
        controller.publish("martlet/v1/blob/abc/c/0/0", "chunk", retain: true)
        await eventually("desired and release arrive") {
            own.saw("martlet/v1/dev/press-4/dn/desired=d1") && own.saw("martlet/v1/release/abc=m1")
        }
        await eventually("everybody may read blobs") { other.saw("martlet/v1/blob/abc/c/0/0=chunk") }
        #expect(!other.entries.contains { $0.contains("press-4") && $0.contains("=") }, "nobody overhears another")
        #expect(!controller.entries.contains { $0.hasSuffix("=forged") })
        await broker.stop()
    }

    @Test("a stolen client id does not push its owner out: the certificate decides")
    func clientIDTheft() async throws {
        let bench = try BrokerBench()
        let broker = try bench.broker()
        try await broker.start()
        let victim = try bench.device("victim", of: broker)
        await victim.connect()
        let thief = try bench.device("thief", of: broker, claiming: "victim")
        await thief.connect()
        thief.publish("martlet/v1/dev/victim/up/report", "forged")
        await eventually("the forged report is refused") { thief.saw("refused martlet/v1/dev/victim/up/report 135") }
        #expect(victim.disconnections == 0)
        await broker.stop()
    }

    @Test("a controller that comes back adopts the live broker, and nobody notices")
    func adoption() async throws {
        let bench = try BrokerBench()
        let first = try bench.broker()
        try await first.start()
        let controller = try bench.controller(of: first)
        let device = try bench.device("d1", of: first)
        await controller.connect()
        await device.connect()

        let second = try bench.broker()
        #expect(try await second.start() == .adopted)
        #expect(second.processID == first.processID && second.processID != nil)
        #expect(second.endpoint == first.endpoint)
        #expect(device.disconnections == 0 && controller.disconnections == 0)
        await second.stop()
        await eventually("the adopted broker can be ended") { device.disconnections > 0 }
    }

    @Test("a dead broker is replaced on the same port, with its retained messages")
    func replacement() async throws {
        let bench = try BrokerBench()
        let first = try bench.broker()
        try await first.start()
        let controller = try bench.controller(of: first)
        await controller.connect()
        controller.publish("martlet/v1/trust/roles", "roles", retain: true)
        await eventually("acknowledged") { controller.client.statistics.acknowledged == 1 }
        await first.stop()

        let second = try bench.broker()
        #expect(try await second.start() == .launched)
        #expect(second.endpoint == first.endpoint)
        let device = try bench.device("d1", of: second)
        await device.connect(subscribing: ["martlet/v1/trust/#"])
        await eventually("the retained message survived") { device.saw("martlet/v1/trust/roles=roles") }
        await eventually("the controller is back by itself") { controller.count("connected") == 2 }
        await second.stop()
    }

    @Test("a broker that is killed comes back on the same port while run() watches")
    func supervision() async throws {
        let bench = try BrokerBench()
        let broker = try bench.broker { $0.restartBackoff = BackoffPolicy(firstMilliseconds: 50) }
        try await broker.start()
        let device = try bench.device("d1", of: broker)
        await device.connect()
        let watching = Task { try await broker.run() }
        let killed = try #require(broker.processID)
        kill(killed, SIGKILL)
        await eventually("another process") { broker.processID != killed }
        await eventually("the device is back") { device.count("connected") == 2 }
        watching.cancel()
        try await watching.value
        let file = BrokerFiles.configurationFile(in: bench.configuration().folder)
        #expect(BrokerProcess.find(configurationFile: file) == nil, "the broker ends with run()")
    }

    @Test("a changed setting replaces the running broker")
    func changedSetting() async throws {
        let bench = try BrokerBench()
        let first = try bench.broker()
        try await first.start()
        let second = try bench.broker { $0.maximumMessageBytes = 65_536 }
        #expect(try await second.start() == .launched)
        #expect(second.endpoint == first.endpoint)
        let controller = try bench.controller(of: second)
        await controller.connect()
        controller.publish("martlet/v1/big", String(repeating: "x", count: 70_000))
        await eventually("too large is told") { controller.saw("refused martlet/v1/big 149") }
        await second.stop()
    }

    @Test("a revoked device cannot connect again, and the others can")
    func revocation() async throws {
        let bench = try BrokerBench()
        let broker = try bench.broker()
        try await broker.start()
        let lost = try bench.device("lost", of: broker)
        let kept = try bench.device("kept", of: broker)
        await lost.connect()
        lost.client.disconnect(flushMilliseconds: 0)
        await eventually("left") { lost.disconnections == 1 }
        let certificate = try Certificate(pemFile: bench.folder.appending(path: "devices/lost/cert.pem").path())
        try bench.provisioner(of: broker).revoke(DeviceID("lost"), serial: certificate.serial)
        try await Task.sleep(for: .milliseconds(300))
        lost.client.connect()
        await eventually("turned away twice") { lost.disconnections >= 3 }
        #expect(lost.count("connected") == 1)
        await kept.connect()
        await broker.stop()
        #expect(try await bench.broker().start() == .launched)
        await eventually("the other one is back") { kept.count("connected") == 2 }
        #expect(lost.count("connected") == 1, "the list outlives the broker")
    }

    @Test("a port that another program took is an error that says what to do")
    func takenPort() async throws {
        let bench = try BrokerBench()
        let broker = try bench.broker()
        try await broker.start()
        let port = try #require(broker.endpoint?.port)
        let other = try BrokerBench()
        let late = try other.broker { $0.port = port }
        let error = await #expect(throws: ControllerError.self) { try await late.start() }
        #expect(error?.code == .unavailable && error?.hint.contains("\(port)") == true)
        await broker.stop()
    }

    @Test("an ordinary user can run it", .enabled(if: geteuid() == 0, "switching the user needs root"))
    func ordinaryUser() async throws {
        let bench = try BrokerBench()
        let nobody = try #require(getpwnam("nobody")).pointee
        let broker = try EmbeddedBroker(
            configuration: bench.configuration(), pki: bench.pki, logger: Logger(label: "test"),
            commandPrefix: ["/usr/bin/setpriv", "--reuid=nobody", "--regid=\(nobody.pw_gid)", "--clear-groups"],
            runsAsRoot: false)
        // All files belong to that user, as if it had run the controller itself.
        _ = try bench.pki.ensureBrokerCertificate(names: bench.configuration().certificateNames)
        try FleetPKI.makePrivateFolder(bench.configuration().folder)
        let port = try LocalPort.free(on: "127.0.0.1")
        try BrokerMemory(port: port).write(to: bench.configuration().folder)
        _ = try BrokerFiles(configuration: bench.configuration(), port: port, runsAsRoot: false).write(pki: bench.pki)
        _ = FileManager.default.createFile(
            atPath: bench.configuration().folder.appending(path: "broker.log").path(), contents: nil)
        try own(bench.folder, by: nobody)
        #expect(try await broker.start() == .launched)
        let owner = try FileManager.default.attributesOfItem(atPath: "/proc/\(broker.processID ?? 0)")
        #expect(owner[.ownerAccountID] as? Int == Int(nobody.pw_uid))
        let controller = try bench.controller(of: broker)
        await controller.connect()
        await broker.stop()
    }

    private func own(_ folder: URL, by user: passwd) throws {
        chown(folder.path(), user.pw_uid, user.pw_gid)
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path()) {
            chown(folder.appending(path: name).path(), user.pw_uid, user.pw_gid)
        }
    }

    @Test("without mosquitto the error names the package")
    func missingProgram() {
        let error = #expect(throws: ControllerError.self) { try BrokerProcess.findProgram(in: ["/nowhere"]) }
        #expect(error?.hint.contains("apt-get install mosquitto") == true)
    }

    @Test("a damaged broker.json is an error that says how to mend it")
    func damagedMemory() async throws {
        let bench = try BrokerBench()
        try FleetPKI.makePrivateFolder(bench.configuration().folder)
        try Data("{".utf8).write(to: BrokerMemory.file(in: bench.configuration().folder))
        let broker = try bench.broker()
        let error = await #expect(throws: ControllerError.self) { try await broker.start() }
        #expect(error?.hint.contains("broker_port") == true)
    }

    enum Mistake: String, CaseIterable {
        case port, maximumMessageBytes, maximumQueuedMessages, maximumInflightMessages, autosaveSeconds
        case topicPrefix, address

        func spoil(_ configuration: inout BrokerConfiguration) {
            switch self {
            case .port: configuration.port = 70_000
            case .maximumMessageBytes: configuration.maximumMessageBytes = 10
            case .maximumQueuedMessages: configuration.maximumQueuedMessages = 20
            case .maximumInflightMessages: configuration.maximumInflightMessages = 0
            case .autosaveSeconds: configuration.autosaveSeconds = 0
            case .topicPrefix: configuration.topicPrefix = "a/#"
            case .address: configuration.address = "127.0.0.1\nallow_anonymous true"
            }
        }
    }

    @Test("settings out of range are refused by name", arguments: Mistake.allCases)
    func validation(mistake: Mistake) throws {
        let bench = try BrokerBench()
        let error = #expect(throws: ControllerError.self) { _ = try bench.broker(mistake.spoil) }
        #expect(error?.code == .invalid && error?.message.contains(mistake.rawValue) == true)
    }
}
