import Sketches
import Testing

@testable import DeviceHost

extension SeededGenerator {
    fileprivate mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}

@Suite("Reading HTTP requests")
struct HTTPRequestReaderTests {
    private static func read(_ text: String, bodyLimit: Int = 1000) throws(HTTPError) -> HTTPRequest? {
        var reader = HTTPRequestReader(bodyLimit: bodyLimit)
        reader.append(Array(text.utf8))
        return try reader.next()
    }

    private static func status(_ text: String, bodyLimit: Int = 1000) -> Int? {
        do throws(HTTPError) {
            _ = try read(text, bodyLimit: bodyLimit)
            return nil
        } catch { return error.status }
    }

    @Test("a request with a body, cut anywhere, is the same request")
    func pieces() throws {
        let text = "POST /v2/models/m/infer?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Odd:  v \r\n\r\nhello"
        let whole = try #require(try Self.read(text))
        #expect(whole.method == "POST")
        #expect(whole.path == "/v2/models/m/infer")
        #expect(whole.body == Array("hello".utf8))
        #expect(whole.header("x-odd") == "v")
        #expect(whole.keepsAlive)
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            var reader = HTTPRequestReader(bodyLimit: 100)
            reader.append(bytes[..<cut])
            let early = try reader.next()
            #expect((early != nil) == (cut == bytes.count))
            reader.append(bytes[cut...])
            let late = try reader.next()
            #expect((early ?? late) == whole)
        }
    }

    @Test("requests that follow one another are read one by one")
    func pipelined() throws {
        var reader = HTTPRequestReader(bodyLimit: 100)
        reader.append(
            Array("GET /a HTTP/1.1\r\n\r\n\r\nGET /b HTTP/1.0\r\n\r\nGET /c HTTP/1.1\r\nConnection: close\r\n\r\n".utf8)
        )
        let (a, b, c, d) = (try reader.next(), try reader.next(), try reader.next(), try reader.next())
        #expect([a?.path, b?.path, c?.path, d?.path] == ["/a", "/b", "/c", nil])
        #expect([a?.keepsAlive, b?.keepsAlive, c?.keepsAlive] == [true, false, false])
    }

    @Test(
        "what is not a request, or could be two, is refused",
        arguments: [
            ("GET\r\n\r\n", 400), ("GET a HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/2.0\r\n\r\n", 505),
            ("GET /  HTTP/1.1\r\n\r\n", 400), ("G ET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n: v\r\n\r\n", 400), ("GET / HTTP/1.1\r\na b: v\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nContent-Length: 1 1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", 413),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
            ("POST / HTTP/1.1\r\nContent-Encoding: gzip\r\n\r\n", 415), ("GET / HTTP/1.1\r\na: \0\r\n\r\n", 400),
        ])
    func refused(text: String, status: Int) {
        #expect(Self.status(text) == status)
    }

    @Test("an endless head is refused at its limit, as are too many fields")
    func endless() {
        #expect(Self.status("GET /" + String(repeating: "a", count: 17_000)) == 431)
        #expect(Self.status("GET / HTTP/1.1\r\n" + String(repeating: "a: b\r\n", count: 65) + "\r\n") == 431)
        #expect(Self.status("GET / HTTP/1.1\r\n" + String(repeating: "a: b\r\n", count: 64) + "\r\n") == nil)
    }

    @Test("a client that waits for 100 Continue is noticed")
    func expectation() throws {
        var reader = HTTPRequestReader(bodyLimit: 100)
        reader.append(Array("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n".utf8))
        let early = try reader.next()
        #expect(early == nil)
        #expect(reader.expectsContinue)
        reader.continued()
        reader.append(Array("ok".utf8))
        let request = try reader.next()
        #expect(request?.body == Array("ok".utf8))
    }

    @Test("mutated requests neither crash the reader nor make it hold more than its limits", arguments: 0..<20)
    func fuzz(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let seeds = [
            "POST /v2/models/m/infer HTTP/1.1\r\nContent-Length: 5\r\nInference-Header-Content-Length: 3\r\n\r\nhello",
            "GET /v2 HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ]
        for _ in 0..<1500 {
            var bytes = Array(seeds[random.below(seeds.count)].utf8)
            for _ in 0...random.below(6) {
                switch random.below(4) {
                case 0 where !bytes.isEmpty: bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
                case 1 where !bytes.isEmpty: bytes.remove(at: random.below(bytes.count))
                case 2: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: random.below(bytes.count + 1))
                default: bytes.removeLast(random.below(bytes.count + 1))
                }
                if bytes.isEmpty { bytes = [13, 10] }
            }
            var reader = HTTPRequestReader(bodyLimit: 64)
            do throws(HTTPError) {
                reader.append(bytes)
                while let request = try reader.next() { #expect(request.body.count <= 64) }
            } catch { #expect((400...505).contains(error.status)) }
        }
    }
}

@Suite("JSON of the local API")
struct JSONTests {
    private static func read(_ text: String) -> JSON? { try? JSONReader.read(Array(text.utf8)) }

    @Test(
        "values are read as RFC 8259 has them",
        arguments: [
            ("null", JSON.null), (" true ", .bool(true)), ("-0.5e2", .number(-50)), ("[]", .array([])),
            ("[1, [2]]", .array([.number(1), .array([.number(2)])])), ("{}", .object([])),
            (#""a\"\\\/\b\f\n\r\tA😀é""#, .string("a\"\\/\u{8}\u{c}\n\r\tA😀é")),
            (#"{"a":{"b":[false]}}"#, .object(["a": .object(["b": .array([.bool(false)])])])),
        ])
    func read(text: String, value: JSON) {
        #expect(Self.read(text) == value)
        #expect((try? JSONReader.read(value.encoded)) == value)
    }

    @Test(
        "what is not JSON is refused",
        arguments: [
            "", " ", "nul", "01", "1.", ".5", "+1", "1e", "--1", "[1,]", "[1 2]", "{a:1}", "{\"a\"}", "{\"a\":1,}",
            "\"",
            "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\u{1}\"", "1 1", "[", "{", "NaN", "Infinity",
            "'a'",
        ])
    func refused(text: String) {
        #expect(Self.read(text) == nil)
    }

    @Test("depth and numbers are bounded, and text must be UTF-8")
    func bounds() {
        #expect(Self.read(String(repeating: "[", count: 32) + String(repeating: "]", count: 32)) != nil)
        #expect(Self.read(String(repeating: "[", count: 33) + String(repeating: "]", count: 33)) == nil)
        #expect(Self.read(String(repeating: "[", count: 1_000_000)) == nil)
        #expect(Self.read("1" + String(repeating: "0", count: 63)) != nil)
        #expect(Self.read("1" + String(repeating: "0", count: 64)) == nil)
        #expect((try? JSONReader.read([0x22, 0xFF, 0x22])) == nil)
    }

    @Test("floats are written with their own digits, and what is no number as null")
    func floats() {
        let values: [Float] = [0.1, 1, -2.5e-8, .nan, .infinity]
        let text = String(decoding: JSON.array(values.map(JSON.number(of:))).encoded, as: UTF8.self)
        #expect(text == "[0.1,1,-2.5e-08,null,null]")
    }

    @Test("mutated texts neither crash the reader nor read differently a second time", arguments: 0..<20)
    func fuzz(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let text =
            #"{"id":"7","inputs":[{"name":"frame","shape":[1,2],"datatype":"FP32","data":[1.5,-2e3,null]}],"é":"😀"}"#
        for _ in 0..<1500 {
            var bytes = Array(text.utf8)
            for _ in 0...random.below(4) {
                let place = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                default: bytes.insert(UInt8(ascii: "[{\",:1"[random.below(6)]), at: place)
                }
            }
            guard let value = try? JSONReader.read(bytes) else { continue }
            #expect((try? JSONReader.read(value.encoded)) == value)
        }
    }
}

extension UInt8 {
    fileprivate init(ascii character: Character) { self = character.asciiValue ?? 0 }
}

extension String {
    fileprivate subscript(offset: Int) -> Character { self[index(startIndex, offsetBy: offset)] }
}
