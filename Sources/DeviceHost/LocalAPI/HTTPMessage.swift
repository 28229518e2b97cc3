/// One request of HTTP/1.1 (RFC 9112).
struct HTTPRequest: Equatable, Sendable {
    var method: String
    /// The target before any `?`, as it came.
    var path: String
    /// Names in lower case; of a name that stands twice the first counts.
    var headers: [(name: String, value: String)]
    var body: [UInt8]
    /// Whether the client wants the connection kept.
    var keepsAlive: Bool

    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    static func == (a: Self, b: Self) -> Bool {
        a.method == b.method && a.path == b.path && a.body == b.body && a.keepsAlive == b.keepsAlive
            && a.headers.elementsEqual(b.headers) { $0 == $1 }
    }
}

extension HTTPRequest {
    /// The answer to a question; other methods are refused.
    func reading(_ body: () -> HTTPResponse) -> HTTPResponse {
        method == "GET" || method == "HEAD" ? body() : refused(allow: "GET, HEAD")
    }

    /// The answer to an order; other methods are refused.
    func writing(_ body: () -> HTTPResponse) -> HTTPResponse { method == "POST" ? body() : refused(allow: "POST") }

    private func refused(allow: String) -> HTTPResponse {
        var response = HTTPResponse.failure(405, "\(method) is not for \(path)")
        response.extra = ["Allow: \(allow)"]
        return response
    }
}

/// A request that cannot be answered; the connection ends with it.
struct HTTPError: Error, Equatable {
    let status: Int
    let text: String
}

/// One answer.
struct HTTPResponse: Equatable, Sendable {
    var status: Int
    var body: [UInt8] = []
    var contentType = "application/json"
    /// Further header lines, such as `Allow: GET`.
    var extra: [String] = []

    /// A JSON document.
    static func json(_ value: JSON, status: Int = 200) -> HTTPResponse {
        HTTPResponse(status: status, body: value.encoded)
    }

    /// An error as the Open Inference Protocol wants it.
    static func failure(_ status: Int, _ text: String) -> HTTPResponse {
        json(.object(["error": .string(text)]), status: status)
    }

    /// The bytes on the wire.
    func encoded(keepsAlive: Bool, omitsBody: Bool = false) -> [UInt8] {
        var head = "HTTP/1.1 \(status) \(Self.reason(status))\r\nContent-Length: \(body.count)\r\n"
        if !body.isEmpty { head += "Content-Type: \(contentType)\r\n" }
        for line in extra { head += "\(line)\r\n" }
        head += "Connection: \(keepsAlive ? "keep-alive" : "close")\r\n\r\n"
        return Array(head.utf8) + (omitsBody ? [] : body)
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 400: "Bad Request"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 411: "Length Required"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        default: "Error"
        }
    }
}
