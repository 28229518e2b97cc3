import FleetCrypto
import FleetModel
import Glibc
import Synchronization
import Testing

@testable import DeviceHost

/// A controller of a few lines: answers each connection with the next of its answers.
private final class ScriptedController: Sendable {
    typealias Answer = @Sendable (JSON) -> (status: Int, body: JSON)?

    let port: Int
    private let listener: Int32
    let requests = Mutex<[JSON]>([])

    init(_ answers: [Answer]) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 8) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        try #require(isListening)
        self.listener = listener
        port = Int(UInt16(bigEndian: address.sin_port))
        let box = Work { [weak self] in for answer in answers { self?.serve(answer) } }
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            {
                Unmanaged<Work>.fromOpaque($0!).takeRetainedValue().body()
                return nil
            }, Unmanaged.passRetained(box).toOpaque())
        pthread_detach(thread)
    }

    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    deinit { close(listener) }

    private func serve(_ answer: Answer) {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        defer { close(connection) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        var body: JSON?
        while body == nil {
            let count = read(connection, &buffer, buffer.count)
            guard count > 0 else { return }
            bytes += buffer[..<count]
            let end: [UInt8] = [13, 10, 13, 10]
            guard let split = bytes.indices.first(where: { bytes[$0...].starts(with: end) }) else { continue }
            body = try? JSONReader.read(bytes[(split + 4)...])
        }
        guard let body else { return }
        requests.withLock { $0.append(body) }
        guard let (status, json) = answer(body) else { return }
        let text = json.encoded
        let reply = Array("HTTP/1.0 \(status) X\r\nContent-Length: \(text.count)\r\n\r\n".utf8) + text
        _ = write(connection, reply, reply.count)
    }
}

@Suite("Enrolling a device", .serialized)
struct EnrollerTests {
    private let folder: String
    private let authority: CertificateAuthority

    init() throws {
        var template = Array("/tmp/enroller-XXXXXX".utf8CString)
        folder = String(cString: try #require(mkdtemp(&template))) + "/identity"
        authority = try CertificateAuthority.create(
            name: "test", validity: .init(from: .epoch, until: Instant(milliseconds: 4_000_000_000_000)))
    }

    private func claim(port: Int) throws -> EnrolmentClaim {
        try EnrolmentClaim.make(
            url: "http://127.0.0.1:\(port)", authority: authority.certificate.fingerprint,
            device: DeviceID(unchecked: "press-7"))
    }

    /// Grants what is asked for, as the controller does.
    private func grant(by issuer: CertificateAuthority? = nil) -> @Sendable (JSON) -> (status: Int, body: JSON)? {
        let issuer = issuer ?? authority
        return { request in
            guard let pem = request["certificateRequest"]?.text, let asked = try? CertificateRequest(pem: pem),
                let certificate = try? issuer.issueClient(
                    for: asked, commonName: "press-7",
                    validity: .init(from: .epoch, until: Instant(milliseconds: 3_000_000_000_000))),
                let text = try? certificate.pem(), let root = try? issuer.certificate.pem()
            else { return nil }
            var grant = EnrolmentGrant(
                device: DeviceID(unchecked: "press-7"), certificate: text, authority: root,
                rootKey: [UInt8](repeating: 5, count: 32), brokerHost: "10.0.0.5", brokerPort: 8883,
                topicPrefix: "martlet/v1/", tags: "side=R,line=3")
            grant.signature = (try? issuer.sign(grant.transcript)) ?? []
            return (
                200,
                .object([
                    "device": .string("press-7"), "certificate": .string(text), "authority": .string(root),
                    "rootKey": .string(Hexadecimal.text(grant.rootKey)), "brokerHost": .string(grant.brokerHost),
                    "brokerPort": .number(8883), "topicPrefix": .string(grant.topicPrefix),
                    "tags": .string(grant.tags), "signature": .string(Hexadecimal.text(grant.signature)),
                ])
            )
        }
    }

    private func mode(_ name: String) -> UInt32 {
        var status = stat()
        return stat("\(folder)/\(name)", &status) == 0 ? status.st_mode & 0o777 : 0
    }

    @Test("an answer that is lost on the way costs nothing: the same key asks again, and the identity is whole")
    func lostAnswer() throws {
        let controller = try ScriptedController([{ _ in nil }, { _ in (503, .null) }, grant()])
        let enroller = try Enroller(claim: claim(port: controller.port).text, folder: folder)
        for _ in 0..<2 {
            let error = #expect(throws: DeviceError.self) { try enroller.attempt() }
            #expect(error?.code == .enrolmentFailed)
            #expect(!Enroller.isEnrolled(folder))
        }
        try enroller.attempt()
        let asked = controller.requests.withLock { $0 }
        let keys = try asked.map { try CertificateRequest(pem: $0["certificateRequest"]?.text ?? "").keyDigest }
        #expect(asked.count == 3 && Set(keys).count == 1)
        let configuration = try DeviceConfiguration(identity: folder, folder: "\(folder)/state")
        #expect(configuration.device.text == "press-7" && configuration.brokerPort == 8883)
        #expect(configuration.tags == ["side": "R", "line": "3"])
        #expect(configuration.rootKey.publicKey == [UInt8](repeating: 5, count: 32))
        #expect(mode("key.pem") == 0o600 && mode("signing.pem") == 0o600)
        let again = #expect(throws: DeviceError.self) { try enroller.attempt() }
        #expect(again?.code == .invalidConfiguration, "an identity is never overwritten")
    }

    @Test("an answer of an authority that the claim does not name is refused, and nothing is trusted")
    func wrongFingerprint() throws {
        let other = try CertificateAuthority.create(
            name: "other", validity: .init(from: .epoch, until: Instant(milliseconds: 4_000_000_000_000)))
        let controller = try ScriptedController([grant(by: other)])
        let enroller = try Enroller(claim: claim(port: controller.port).text, folder: folder)
        let error = #expect(throws: DeviceError.self) { try enroller.attempt() }
        #expect(error?.code == .enrolmentRefused)
        #expect(!Enroller.isEnrolled(folder) && mode("ca.pem") == 0)
    }

    @Test("a refusal is told in the controller's words")
    func refused() throws {
        let controller = try ScriptedController([
            { _ in
                (
                    403,
                    .object(["error": .object(["message": .string("claim x expired"), "hint": .string("ask anew")])])
                )
            }
        ])
        let enroller = try Enroller(claim: claim(port: controller.port).text, folder: folder)
        let error = #expect(throws: DeviceError.self) { try enroller.attempt() }
        #expect(error?.code == .enrolmentRefused && error?.context.contains("claim x expired; ask anew") == true)
    }

    @Test("a controller that is not there is one to ask again")
    func absent() throws {
        let enroller = try Enroller(claim: claim(port: 1).text, folder: folder)
        let error = #expect(throws: DeviceError.self) { try enroller.attempt() }
        #expect(error?.code == .enrolmentFailed)
    }

    @Test(
        "rubbish instead of HTTP is no crash",
        arguments: [
            "", "hello", "HTTP/1.1 200 OK\r\n\r\n{", "HTTP/1.1 x\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n{\"device\":\"a b\"}",
        ])
    func rubbish(text: String) {
        #expect(throws: DeviceError.self) { _ = try EnrolmentExchange.grant(in: Array(text.utf8)) }
    }

    @Test(
        "addresses are read with and without port, and in brackets",
        arguments: [
            ("http://h", "h", 80, "/api/v1/enrol"), ("https://h", "h", 443, "/api/v1/enrol"),
            ("http://10.0.0.5:8480/fleet", "10.0.0.5", 8480, "/fleet/api/v1/enrol"),
            ("https://[::1]:9", "::1", 9, "/api/v1/enrol"),
        ])
    func address(url: String, host: String, port: Int, path: String) throws {
        let exchange = try EnrolmentExchange(url: url)
        #expect(exchange.host == host && exchange.port == port && exchange.path == path)
    }

    @Test(
        "an address without host or with no port is refused",
        arguments: ["ftp://h", "http://", "http://h:0", "http://h:x"])
    func noAddress(url: String) {
        #expect(throws: DeviceError.self) { _ = try EnrolmentExchange(url: url) }
    }

    @Test("a claim in the configuration is taken up only until the folder holds an identity")
    func configured() throws {
        let claim = try claim(port: 1).text
        let path = "\(folder).conf"
        try PrivateFile.write("identity = \(folder)\nclaim = \(claim)\n".utf8, to: path)
        let options = try AgentOptions(["--config", path])
        let enroller = try AgentConfiguration.enroller(options)
        #expect(enroller?.device.text == "press-7")
        let told = try AgentConfiguration.check(options)
        #expect(told.hasSuffix("the first start enrols as press-7, into \(folder)"))
        try PrivateFile.write("identity = \(folder)\nclaim = \(claim)\nlimit = 1\n".utf8, to: "\(path).wrong")
        let wrong = try AgentOptions(["--config", "\(path).wrong"])
        #expect(throws: DeviceError.self) { _ = try AgentConfiguration.check(wrong) }
        mkdir(folder, 0o700)
        try PrivateFile.write("id = press-7\n".utf8, to: "\(folder)/device.conf")
        let nobody = try AgentConfiguration.enroller(options)
        #expect(nobody == nil)
    }

    @Test("the claim's device and the one asked for must agree")
    func otherDevice() throws {
        let text = try claim(port: 1).text
        #expect(throws: DeviceError.self) { _ = try Enroller(claim: text, folder: folder, id: "press-8") }
        #expect(throws: DeviceError.self) { _ = try AgentOptions(["enrol"]) }
        #expect(throws: DeviceError.self) { _ = try AgentOptions(["--claim", text]) }
    }
}
