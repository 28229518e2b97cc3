import FleetCrypto
import FleetModel
import FleetStore
import Foundation
import Synchronization
import Testing

@testable import FleetController

@Suite("The fleet's keys and certificates")
final class FleetPKITests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "pki-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: folder.appending(path: path).path())[.posixPermissions] as? Int
    }

    @Test("the first start makes everything, the second finds it")
    func openTwice() throws {
        let first = try FleetPKI(dataFolder: folder)
        let second = try FleetPKI(dataFolder: folder)
        #expect(first.rootKey == second.rootKey)
        #expect(first.authority.certificate.fingerprint == second.authority.certificate.fingerprint)
        #expect(try SigningKey(pemFile: folder.appending(path: "keys/root.pem").path()).publicKey == first.rootKey.raw)
        let controller = try Certificate(pemFile: first.file("controller", "pem"))
        #expect(controller.commonName == FleetPKI.controllerName)
    }

    @Test(
        "private keys are readable by their owner alone",
        arguments: [
            "pki/ca.key", "pki/controller.key", "pki/probe.key", "pki/broker.key", "keys/root.pem",
        ])
    func keyModes(path: String) throws {
        let pki = try FleetPKI(dataFolder: folder)
        try pki.ensureBrokerCertificate(names: ["127.0.0.1"])
        #expect(try mode(path) == 0o600)
        #expect(try mode("pki") == 0o700)
        #expect(try mode("keys") == 0o700)
    }

    @Test("the root key may be moved away to a safe place")
    func offlineRoot() throws {
        let first = try FleetPKI(dataFolder: folder)
        try FileManager.default.removeItem(at: folder.appending(path: "keys/root.pem"))
        #expect(try FleetPKI(dataFolder: folder).rootKey == first.rootKey)
    }

    @Test("an identity folder holds all that a device needs, closed to others, and is never overwritten")
    func identity() throws {
        let pki = try FleetPKI(dataFolder: folder)
        let provisioner = DeviceProvisioner(pki: pki, host: "10.1.2.3", port: 8884)
        let identity = try provisioner.issue(DeviceID("s1R"))
        let out = folder.appending(path: "out").path()
        try identity.write(to: out)
        func text(_ name: String) throws -> String { try String(contentsOfFile: "\(out)/\(name)", encoding: .utf8) }
        let certificate = try Certificate(pemFile: "\(out)/cert.pem")
        #expect(certificate.commonName == "s1R" && certificate.serial == identity.certificateSerial)
        #expect(try certificate.matches(PrivateKey(pemFile: "\(out)/key.pem")))
        #expect(try certificate.isSigned(by: Certificate(pemFile: "\(out)/ca.pem")))
        #expect(try SigningKey(pemFile: "\(out)/signing.pem").publicKey == identity.signingKey)
        #expect(try text("root.pub") == Hexadecimal.text(pki.rootKey.raw) + "\n")
        #expect(try text("device.conf").contains("id = s1R\nbroker_host = 10.1.2.3\nbroker_port = 8884\n"))
        for name in identity.files.keys { #expect(try mode("out/\(name)") == 0o600) }
        let again = #expect(throws: ControllerError.self) { try identity.write(to: out) }
        #expect(again?.code == .conflict)
    }

    @Test("a device cannot have the controller's name", arguments: ["martlet-controller", "martlet-probe"])
    func reservedNames(name: String) throws {
        let provisioner = DeviceProvisioner(pki: try FleetPKI(dataFolder: folder), host: "h", port: 1)
        let error = #expect(throws: ControllerError.self) { _ = try provisioner.issue(DeviceID(name)) }
        #expect(error?.code == .conflict)
    }

    @Test("service certificates are renewed a month before their end, and for new names of the broker")
    func renewal() throws {
        let clock = Mutex(Instant.now())
        let now: @Sendable () -> Instant = { clock.withLock { $0 } }
        let pki = try FleetPKI(dataFolder: folder, clock: now)
        #expect(try pki.ensureBrokerCertificate(names: ["127.0.0.1"]))
        #expect(try !pki.ensureBrokerCertificate(names: ["127.0.0.1"]))
        #expect(try pki.ensureBrokerCertificate(names: ["127.0.0.1", "gate.example"]))
        let controller = try Certificate(pemFile: pki.file("controller", "pem"))
        #expect(try Certificate(pemFile: pki.file("broker", "pem")).notBefore == .epoch, "devices may think it is 1970")

        let lateEnough = controller.notAfter.milliseconds - 29 * FleetPKI.Lifetime.day
        clock.withLock { $0 = Instant(milliseconds: lateEnough) }
        let later = try FleetPKI(dataFolder: folder, clock: now)
        let renewed = try Certificate(pemFile: later.file("controller", "pem"))
        #expect(renewed.serial != controller.serial && renewed.notAfter > controller.notAfter)
        #expect(try later.ensureBrokerCertificate(names: ["127.0.0.1", "gate.example"]))
    }

    @Test("a certificate whose key was lost in a power cut is made anew")
    func tornPair() throws {
        let pki = try FleetPKI(dataFolder: folder)
        let before = try Certificate(pemFile: pki.file("controller", "pem"))
        try PrivateKey.generate().write(pemFile: pki.file("controller", "key"))
        let again = try FleetPKI(dataFolder: folder)
        let after = try Certificate(pemFile: again.file("controller", "pem"))
        #expect(after.serial != before.serial)
        #expect(try after.matches(PrivateKey(pemFile: again.file("controller", "key"))))
    }

    @Test("identities for minutes that a crash left are removed at the start")
    func passing() throws {
        let pki = try FleetPKI(dataFolder: folder)
        for kind in ["key", "pem"] { try Data("left".utf8).write(to: URL(filePath: pki.file("passing-x", kind))) }
        let again = try FleetPKI(dataFolder: folder)
        let names = try FileManager.default.contentsOfDirectory(atPath: again.folder.path())
        #expect(!names.contains { $0.hasPrefix("passing-") } && names.contains("controller.key"))
    }

    @Test("revocations are remembered, once each")
    func revocations() throws {
        let pki = try FleetPKI(dataFolder: folder)
        #expect(try pki.revoke(serials: ["4a11"]) == ["4a11"])
        #expect(try pki.revoke(serials: ["4a11"]).isEmpty)
        #expect(try FleetPKI(dataFolder: folder).revoke(serials: ["4a11", "4a12"]) == ["4a12"])
        let register = try RevocationRegister(file: folder.appending(path: "pki/revoked.json"))
        #expect(register.certificates.map(\.serial) == ["4a11", "4a12"])
        #expect(register.number == 3)
    }
}
