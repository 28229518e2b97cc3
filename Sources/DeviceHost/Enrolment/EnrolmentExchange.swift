import FleetCrypto
import FleetModel

/// `POST /api/v1/enrol`, from the device's side: HTTP/1.0, so that the answer comes whole and ends with the connection.
struct EnrolmentExchange {
    let host: String
    /// Host and port as they stand in an address.
    private let authority: String
    let port: Int
    let isTLS: Bool
    let path: String

    /// Bytes of an answer that are read at most: three PEM texts are far shorter.
    static let maximumBytes = 64 << 10
    /// Seconds for one attempt.
    static let seconds = 20

    /// - Parameter url: where the controller is, as in a claim.
    init(url: String) throws(DeviceError) {
        isTLS = url.hasPrefix("https://")
        guard isTLS || url.hasPrefix("http://") else {
            throw DeviceError(.invalidConfiguration, "'\(url)' is no http:// or https:// address")
        }
        let rest = url.dropFirst(isTLS ? 8 : 7)
        let authority = rest.prefix { $0 != "/" }
        path = rest.dropFirst(authority.count) + "/api/v1/enrol"
        var name = authority
        var digits: Substring?
        if authority.first == "[", let end = authority.firstIndex(of: "]") {
            name = authority[authority.index(after: authority.startIndex)..<end]
            digits = authority[authority.index(after: end)...].dropFirst()
        } else if let colon = authority.lastIndex(of: ":") {
            name = authority[..<colon]
            digits = authority[authority.index(after: colon)...]
        }
        let port = digits.flatMap { $0.isEmpty ? nil : Int($0) } ?? (digits?.isEmpty ?? true ? (isTLS ? 443 : 80) : 0)
        guard !name.isEmpty, (1...65535).contains(port) else {
            throw DeviceError(.invalidConfiguration, "'\(url)' names no host, or no port from 1 to 65535")
        }
        host = String(name)
        self.authority = String(authority)
        self.port = port
    }

    /// Asks once.
    ///
    /// - Throws: `enrolmentFailed` if another attempt may succeed, `enrolmentRefused` if none will.
    func ask(_ request: EnrolmentRequest) throws(DeviceError) -> EnrolmentGrant {
        let answer: [UInt8]
        do throws(CryptoError) {
            answer = try OneShotConnection.exchange(
                host: host, port: port, tls: isTLS, request: message(request), maximumBytes: Self.maximumBytes,
                seconds: Self.seconds)
        } catch {
            throw DeviceError(.enrolmentFailed, "\(error.context); is the controller up and reachable from here?")
        }
        return try Self.grant(in: answer)
    }

    private func message(_ request: EnrolmentRequest) -> [UInt8] {
        let body = JSON.object([
            "claim": .string(request.claim.text), "device": .string(request.device.text),
            "certificateRequest": .string(request.certificateRequest),
            "signingKey": .string(Hexadecimal.text(request.signingKey)), "hardware": .string(request.hardware),
            "signature": .string(Hexadecimal.text(request.signature)),
            "proof": .string(Hexadecimal.text(request.proof)),
        ]).encoded
        let head = """
            POST \(path) HTTP/1.0\r
            Host: \(authority)\r
            Content-Type: application/json\r
            Content-Length: \(body.count)\r
            Connection: close\r
            \r

            """
        return Array(head.utf8) + body
    }

    // MARK: The answer

    static func grant(in answer: [UInt8]) throws(DeviceError) -> EnrolmentGrant {
        let (status, body) = try split(answer)
        let json = try? JSONReader.read(body)
        guard (200...299).contains(status) else {
            let error = json?["error"]
            let text = [error?["message"]?.text, error?["hint"]?.text].compactMap { $0 }.joined(separator: "; ")
            let canRetry = status >= 500 || status == 429 || status == 408
            throw DeviceError(
                canRetry ? .enrolmentFailed : .enrolmentRefused,
                "the controller answered \(status)\(text.isEmpty ? "" : ": \(text.prefix(400))")")
        }
        guard let json, let grant = Self.grant(json) else {
            throw DeviceError(.enrolmentRefused, "the controller's answer lacks fields; is the claim's address right?")
        }
        return grant
    }

    private static func grant(_ json: JSON) -> EnrolmentGrant? {
        guard let device = json["device"]?.text.flatMap({ try? DeviceID($0) }),
            let certificate = json["certificate"]?.text, let authority = json["authority"]?.text,
            let rootKey = json["rootKey"]?.text.flatMap({ Hexadecimal.bytes($0) }),
            let host = json["brokerHost"]?.text, let port = json["brokerPort"]?.integer,
            let prefix = json["topicPrefix"]?.text, let tags = json["tags"]?.text,
            let signature = json["signature"]?.text.flatMap({ Hexadecimal.bytes($0) })
        else { return nil }
        return EnrolmentGrant(
            device: device, certificate: certificate, authority: authority, rootKey: rootKey, brokerHost: host,
            brokerPort: port, topicPrefix: prefix, tags: tags, signature: signature)
    }

    /// Status and body of an HTTP answer.
    private static func split(_ answer: [UInt8]) throws(DeviceError) -> (status: Int, body: ArraySlice<UInt8>) {
        let end: [UInt8] = [13, 10, 13, 10]
        let start = answer.indices.first { answer[$0...].starts(with: end) }
        let line = String(decoding: answer.prefix { $0 != 13 }, as: UTF8.self).split(separator: " ")
        guard let start, line.count >= 2, line[0].hasPrefix("HTTP/1."), let status = Int(line[1]) else {
            let what = answer.isEmpty ? "closed the connection without an answer" : "does not speak HTTP"
            throw DeviceError(.enrolmentFailed, "the controller's address \(what); http:// instead of https://?")
        }
        return (status, answer[(start + 4)...])
    }
}
