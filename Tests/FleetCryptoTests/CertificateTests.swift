import FleetCrypto
import FleetModel
import Foundation
import Testing

@Suite("Certificates")
struct CertificateTests {
    private let scratch: Scratch
    private let authority: CertificateAuthority

    init() throws {
        scratch = try Scratch()
        authority = try CertificateAuthority.create(name: "Martlet test authority", validity: .year)
        try authority.write(certificateFile: scratch.path("ca.pem"), keyFile: scratch.path("ca.key"))
    }

    private func server(_ names: [String]) throws -> Certificate {
        try authority.issueServer(names: names, commonName: "broker", key: PrivateKey.generate(), validity: .year)
    }

    @Test("openssl verifies a server's certificate for each of its names, and for no other")
    func serverCertificate() throws {
        let certificate = try server(["127.0.0.1", "::1", "localhost", "broker.example"])
        try certificate.write(pemFile: scratch.path("server.pem"))
        for arguments in [
            ["-verify_ip", "127.0.0.1"], ["-verify_ip", "::1"], ["-verify_hostname", "localhost"],
            ["-verify_hostname", "broker.example"],
        ] {
            let result = try scratch.openssl(
                "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "ca.pem", arguments[0], arguments[1],
                "server.pem")
            #expect(result.status == 0, "\(arguments): \(result.output)")
        }
        let other = try scratch.openssl("verify", "-CAfile", "ca.pem", "-verify_ip", "10.0.0.1", "server.pem")
        #expect(other.status != 0)
        let asClient = try scratch.openssl("verify", "-purpose", "sslclient", "-CAfile", "ca.pem", "server.pem")
        #expect(asClient.status != 0, "a broker's certificate must not open a client's doors")
    }

    @Test("openssl verifies a client's certificate, from a key and from a request")
    func clientCertificates() throws {
        let key = try PrivateKey.generate()
        let made = try authority.issueClient(commonName: "s1R", key: key, validity: .year)
        #expect(made.commonName == "s1R" && made.matches(key) && made.isSigned(by: authority.certificate))
        let remote = try PrivateKey.generate()
        let request = try CertificateRequest.make(commonName: "s2L", key: remote)
        let asked = try authority.issueClient(
            for: CertificateRequest(pem: request.pem()), commonName: "s2L", validity: .year)
        #expect(asked.commonName == "s2L" && asked.matches(remote) && !asked.matches(key))
        for certificate in [made, asked] {
            try certificate.write(pemFile: scratch.path("client.pem"))
            let result = try scratch.openssl(
                "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "ca.pem", "client.pem")
            #expect(result.status == 0, "\(result.output)")
            let asServer = try scratch.openssl("verify", "-purpose", "sslserver", "-CAfile", "ca.pem", "client.pem")
            #expect(asServer.status != 0)
        }
        #expect(made.serial != asked.serial)
    }

    @Test("a certificate reads back from PEM with the same facts as openssl tells")
    func parsing() throws {
        let certificate = try server(["localhost"])
        try certificate.write(pemFile: scratch.path("server.pem"))
        let again = try Certificate(pemFile: scratch.path("server.pem"))
        #expect(again.commonName == "broker")
        #expect(again.notBefore == .epoch)
        #expect(again.notAfter.milliseconds % 1000 == 0 && again.notAfter > .epoch)
        #expect(again.fingerprint == certificate.fingerprint)
        let told = try scratch.openssl("x509", "-in", "server.pem", "-noout", "-fingerprint", "-sha256", "-serial")
        let plain = told.output.replacing(":", with: "").lowercased()
        #expect(plain.contains(certificate.fingerprint.hex) && plain.contains(certificate.serial))
    }

    @Test("a tampered certificate, or one of another authority, is not signed by ours")
    func tampering() throws {
        let certificate = try server(["localhost"])
        #expect(certificate.isSigned(by: authority.certificate))
        let impostor = try CertificateAuthority.create(name: "Martlet test authority", validity: .year)
        #expect(!certificate.isSigned(by: impostor.certificate))
        // Flip one bit of the signature: the last bytes of the DER.
        let lines = try certificate.pem().split(separator: "\n")
        var der = try #require(Data(base64Encoded: lines.dropFirst().dropLast().joined()))
        der[der.count - 5] ^= 1
        let pem =
            "\(lines[0])\n\(der.base64EncodedString(options: .lineLength64Characters))\n\(lines[lines.count - 1])\n"
        #expect(try !Certificate(pem: pem).isSigned(by: authority.certificate))
    }

    @Test("a request whose signature is not its own key's is refused")
    func forgedRequest() throws {
        let pem = try CertificateRequest.make(commonName: "s1R", key: PrivateKey.generate()).pem()
        let lines = pem.split(separator: "\n")
        var der = try #require(Data(base64Encoded: lines.dropFirst().dropLast().joined()))
        der[der.count - 5] ^= 1
        let forged = "\(lines[0])\n\(der.base64EncodedString())\n\(lines[lines.count - 1])\n"
        let error = #expect(throws: CryptoError.self) { _ = try CertificateRequest(pem: forged) }
        #expect(error?.code == .notGenuine)
    }

    @Test("a request for another name than the one granted is refused")
    func wrongName() throws {
        let request = try CertificateRequest.make(commonName: "controller", key: PrivateKey.generate())
        let error = #expect(throws: CryptoError.self) {
            _ = try authority.issueClient(for: request, commonName: "s1R", validity: .year)
        }
        #expect(error?.code == .notGenuine)
    }

    @Test("a request with a weak key is refused")
    func weakKey() throws {
        let made = try scratch.openssl(
            "req", "-new", "-newkey", "rsa:1024", "-nodes", "-keyout", "rsa.key", "-out", "rsa.csr", "-subj", "/CN=s1R")
        #expect(made.status == 0, "\(made.output)")
        let pem = try String(contentsOfFile: scratch.path("rsa.csr"), encoding: .utf8)
        let error = #expect(throws: CryptoError.self) { _ = try CertificateRequest(pem: pem) }
        #expect(error?.code == .notGenuine)
    }

    @Test(
        "names that could smuggle something into a certificate are refused",
        arguments: ["", "localhost,DNS:evil.example", "a b", "DNS:x", "1.2.3.4,IP:5.6.7.8", "näme"])
    func badServerNames(name: String) {
        let error = #expect(throws: CryptoError.self) { _ = try server([name]) }
        #expect(error?.code == .invalidValue)
    }

    @Test(
        "common names are 1 to 64 printable characters",
        arguments: ["", String(repeating: "x", count: 65), "a\u{0}b", "ü"])
    func badCommonNames(name: String) {
        let error = #expect(throws: CryptoError.self) {
            _ = try authority.issueClient(commonName: name, key: PrivateKey.generate(), validity: .year)
        }
        #expect(error?.code == .invalidValue)
    }

    @Test("an authority reads back from its files, and refuses a key that is not its own")
    func authorityFiles() throws {
        let again = try CertificateAuthority(certificateFile: scratch.path("ca.pem"), keyFile: scratch.path("ca.key"))
        #expect(again.certificate.fingerprint == authority.certificate.fingerprint)
        let certificate = try again.issueClient(commonName: "x", key: PrivateKey.generate(), validity: .year)
        #expect(certificate.isSigned(by: authority.certificate))
        try PrivateKey.generate().write(pemFile: scratch.path("ca.key"))
        let error = #expect(throws: CryptoError.self) {
            _ = try CertificateAuthority(certificateFile: scratch.path("ca.pem"), keyFile: scratch.path("ca.key"))
        }
        #expect(error?.code == .notGenuine)
    }

    @Test("openssl refuses a revoked certificate and keeps accepting the others")
    func revocation() throws {
        let now = Instant(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
        let lost = try authority.issueClient(commonName: "lost", key: PrivateKey.generate(), validity: .year)
        let kept = try authority.issueClient(commonName: "kept", key: PrivateKey.generate(), validity: .year)
        try lost.write(pemFile: scratch.path("lost.pem"))
        try kept.write(pemFile: scratch.path("kept.pem"))
        func verify(_ name: String) throws -> Int32 {
            try scratch.openssl("verify", "-crl_check", "-CAfile", "ca.pem", "-CRLfile", "list.pem", name).status
        }
        let year = CertificateAuthority.Validity.year
        _ = try scratch.write(authority.revocationList([], number: 1, validity: year), to: "list.pem")
        #expect(try verify("lost.pem") == 0)
        let revoked = [RevokedCertificate(serial: lost.serial, revoked: now)]
        _ = try scratch.write(authority.revocationList(revoked, number: 2, validity: year), to: "list.pem")
        #expect(try verify("lost.pem") != 0)
        #expect(try verify("kept.pem") == 0)
    }

    @Test(
        "a serial number that is none is refused", arguments: ["", "xyz", "12 34", String(repeating: "f", count: 42)])
    func badSerial(serial: String) {
        let error = #expect(throws: CryptoError.self) {
            _ = try authority.revocationList(
                [RevokedCertificate(serial: serial, revoked: .epoch)], number: 1, validity: .year)
        }
        #expect(error?.code == .invalidValue)
    }

    @Test("a validity that ends before it begins is refused")
    func backwards() {
        let backwards = CertificateAuthority.Validity(from: Instant(milliseconds: 10_000), until: .epoch)
        #expect(throws: CryptoError.self) { _ = try CertificateAuthority.create(name: "x", validity: backwards) }
    }
}
