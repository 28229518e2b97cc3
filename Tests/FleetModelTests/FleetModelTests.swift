import FleetModel
import Testing

@Suite("Names")
struct NameTests {
    @Test("a name keeps to its alphabet and length", arguments: ["a", "A-1_z", String(repeating: "x", count: 64)])
    func valid(text: String) throws {
        #expect(try DeviceID(text).text == text)
    }

    @Test(
        "everything else is refused with the rule",
        arguments: ["", "a/b", "a b", "ä", "+", "#", "..", String(repeating: "x", count: 65)])
    func invalid(text: String) {
        let error = #expect(throws: NameError.self) { try DeviceID(text) }
        #expect(error?.description.contains("A-Z a-z 0-9 _ -") == true)
    }

    @Test("versions sort by model and number")
    func versions() {
        let model = ModelName(unchecked: "m")
        #expect(VersionID(model: model, number: 2) < VersionID(model: model, number: 10))
        #expect(VersionID(model: model, number: 3).description == "m:3")
    }
}

@Suite("Digests")
struct DigestTests {
    @Test("bytes and hexadecimal text are the same digest")
    func roundTrip() throws {
        let bytes = (0..<32).map { UInt8($0 * 7 & 255) }
        let digest = try #require(Digest(bytes))
        #expect(digest.bytes == bytes)
        #expect(Digest(hex: digest.hex) == digest)
        #expect(Digest(hex: digest.hex.uppercased()) == digest)
        #expect(digest.short.count == 12)
    }

    @Test("other lengths and other letters are no digest")
    func malformed() {
        #expect(Digest([1, 2, 3]) == nil)
        #expect(Digest(hex: "ab") == nil)
        #expect(Digest(hex: String(repeating: "g", count: 64)) == nil)
    }

    @Test("digests sort as their bytes do")
    func order() throws {
        let low = try #require(Digest([UInt8](repeating: 0, count: 31) + [1]))
        let high = try #require(Digest([1] + [UInt8](repeating: 0, count: 31)))
        #expect(low < high)
    }
}

@Suite("Selectors")
struct SelectorTests {
    let left = (DeviceID(unchecked: "s1L"), ["side": "L", "subject": "1"])
    let right = (DeviceID(unchecked: "s8R"), ["side": "R", "subject": "8"])

    @Test(
        "terms must all hold; values are alternatives",
        arguments: [
            ("*", true, true), ("", true, true), ("side=L", true, false), ("side!=L", false, true),
            ("side=L|R", true, true), ("side=L,subject=1|2", true, false), ("id=s8R", false, true),
            ("line=4", false, false), ("line!=4", true, true),
        ])
    func matching(text: String, matchesLeft: Bool, matchesRight: Bool) throws {
        let selector = try Selector(text)
        #expect(selector.matches(left.0, tags: left.1) == matchesLeft)
        #expect(selector.matches(right.0, tags: right.1) == matchesRight)
    }

    @Test("the text form survives", arguments: ["*", "side=L", "a!=b|c,d=e"])
    func text(text: String) throws {
        #expect(try Selector(text).description == text)
    }

    @Test("a malformed term is named", arguments: ["side", "=L", "side=", "a=b,,c=d", "a=b,"])
    func malformed(text: String) {
        #expect(throws: Selector.ParseError.self) { try Selector(text) }
    }

    @Test("terms are bounded")
    func bounded() {
        let text = (0...Selector.termLimit).map { "k\($0)=v" }.joined(separator: ",")
        #expect(throws: Selector.ParseError.self) { try Selector(text) }
    }
}

@Suite("Frames")
struct FrameDescriptionTests {
    @Test("an image has one channel for all pixels, a series one per column")
    func channels() {
        let channel = Channel(name: "c", unit: "")
        let image = FrameDescription(kind: .image, steps: 8, width: 8, channels: [channel])
        #expect(image.valueCount == 64)
        #expect(image.channel(ofValue: 13) == 0)
        let series = FrameDescription(kind: .timeseries, steps: 5, width: 3, channels: [channel, channel, channel])
        #expect(series.channel(ofValue: 4) == 1)
    }
}
