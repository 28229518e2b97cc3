/// Cuts a stream of bytes into requests of HTTP/1.1 (RFC 9112). Pure and bounded: it holds at most one head and one
/// body, and refuses what is ambiguous (two lengths, transfer codings), which is where requests are smuggled.
struct HTTPRequestReader {
    /// Bytes of a request line and its header fields together.
    static let headBytes = 16 << 10
    /// Header fields.
    static let fieldLimit = 64

    private let bodyLimit: Int
    private var buffer: [UInt8] = []
    private var head: HTTPRequest?
    private var bodyLength = 0
    /// Where the search for the end of the head goes on.
    private var searched = 0

    /// - Parameter bodyLimit: bytes of a body.
    init(bodyLimit: Int) { self.bodyLimit = bodyLimit }

    /// Something of a request has come, but not all of it.
    var isWithinRequest: Bool { head != nil || !buffer.isEmpty }
    /// The client waits for `100 Continue` before it sends the body.
    private(set) var expectsContinue = false

    /// Notes that `100 Continue` was sent.
    mutating func continued() { expectsContinue = false }

    /// Takes bytes of the stream.
    mutating func append(_ bytes: some Sequence<UInt8>) { buffer += bytes }

    /// The next whole request, or nil if bytes are missing.
    mutating func next() throws(HTTPError) -> HTTPRequest? {
        if head == nil { try readHead() }
        guard var request = head, buffer.count >= bodyLength else { return nil }
        request.body = Array(buffer.prefix(bodyLength))
        buffer.removeFirst(bodyLength)
        head = nil
        expectsContinue = false
        return request
    }

    // MARK: Head

    private mutating func readHead() throws(HTTPError) {
        // Empty lines before a request are allowed (RFC 9112, 2.2).
        while buffer.first == 0x0D || buffer.first == 0x0A { buffer.removeFirst() }
        guard let end = endOfHead() else {
            guard buffer.count <= Self.headBytes else { throw HTTPError(status: 431, text: "the head is too long") }
            return
        }
        guard end <= Self.headBytes else { throw HTTPError(status: 431, text: "the head is too long") }
        guard let text = String(validating: buffer[..<end], as: UTF8.self), !text.contains("\0") else {
            throw HTTPError(status: 400, text: "the head is not text")
        }
        buffer.removeFirst(end + 4)
        searched = 0
        let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
        var request = try Self.requestLine(lines[0])
        request.headers = try Self.fields(lines.dropFirst())
        bodyLength = try Self.bodyLength(of: request, limit: bodyLimit)
        let connection = request.header("connection")?.lowercased() ?? ""
        request.keepsAlive = request.keepsAlive ? connection != "close" : connection == "keep-alive"
        expectsContinue = request.header("expect")?.lowercased() == "100-continue" && bodyLength > 0
        head = request
    }

    /// Where CR LF CR LF begins.
    private mutating func endOfHead() -> Int? {
        var index = max(0, searched - 3)
        while index + 3 < buffer.count {
            if buffer[index] == 0x0D, buffer[index + 1] == 0x0A, buffer[index + 2] == 0x0D, buffer[index + 3] == 0x0A {
                return index
            }
            index += 1
        }
        searched = buffer.count
        return nil
    }

    private static func requestLine(_ line: Substring) throws(HTTPError) -> HTTPRequest {
        let parts = line.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3, isToken(parts[0]), parts[1].hasPrefix("/") else {
            throw HTTPError(status: 400, text: "not a request line")
        }
        guard parts[2] == "HTTP/1.1" || parts[2] == "HTTP/1.0" else {
            throw HTTPError(status: 505, text: "only HTTP/1.1 is spoken")
        }
        let path = parts[1].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)[0]
        return HTTPRequest(
            method: String(parts[0]), path: String(path), headers: [], body: [], keepsAlive: parts[2] == "HTTP/1.1")
    }

    private static func fields(_ lines: ArraySlice<Substring>) throws(HTTPError) -> [(name: String, value: String)] {
        guard lines.count <= fieldLimit else { throw HTTPError(status: 431, text: "more than \(fieldLimit) fields") }
        var fields: [(name: String, value: String)] = []
        for line in lines {
            guard let colon = line.firstIndex(of: ":"), isToken(line[..<colon]) else {
                throw HTTPError(status: 400, text: "not a header field")
            }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            let end = value.lastIndex { $0 != " " && $0 != "\t" }.map(value.index(after:)) ?? value.startIndex
            fields.append((line[..<colon].lowercased(), String(value[..<end])))
        }
        return fields
    }

    private static func bodyLength(of request: HTTPRequest, limit: Int) throws(HTTPError) -> Int {
        guard request.header("transfer-encoding") == nil else {
            throw HTTPError(status: 411, text: "send a Content-Length, not a transfer coding")
        }
        guard request.header("content-encoding") ?? "identity" == "identity" else {
            throw HTTPError(status: 415, text: "compressed bodies are not read: send it without Content-Encoding")
        }
        let lengths = request.headers.filter { $0.name == "content-length" }
        guard let text = lengths.first?.value else { return 0 }
        guard lengths.count == 1, !text.isEmpty, text.utf8.count <= 18,
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(text)
        else { throw HTTPError(status: 400, text: "Content-Length is not one number") }
        guard length <= limit else { throw HTTPError(status: 413, text: "the body is above \(limit) bytes") }
        return length
    }

    /// A token of RFC 9110, 5.6.2.
    private static func isToken(_ text: Substring) -> Bool {
        let others = Array("!#$%&'*+-.^_`|~".utf8)
        return !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || others.contains(byte)
            }
    }
}
