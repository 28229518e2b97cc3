import FleetModel
import FleetWire
import Testing

/// The examples of RFC 8949, appendix A.
@Suite struct CBORAppendixATests {
    struct Example: Sendable, CustomTestStringConvertible {
        var hex: String
        var item: CBOR
        var testDescription: String { hex }

        init(_ hex: String, _ item: CBOR) {
            self.hex = hex
            self.item = item
        }
    }

    private static func map(_ entries: KeyValuePairs<CBOR, CBOR>) -> CBOR {
        .map(entries.map { CBOR.Entry(key: $0, value: $1) })
    }

    /// Says that a literal is a double: within the package `CBOR.float` takes both kinds.
    private static func number(_ value: Double) -> CBOR { .float(value) }

    private static let oneToTwentyFive = CBOR.array((1...25).map { CBOR.unsigned($0) })

    static let numbers: [Example] = [
        Example("00", .unsigned(0)), Example("01", .unsigned(1)), Example("0a", .unsigned(10)),
        Example("17", .unsigned(23)), Example("1818", .unsigned(24)), Example("1819", .unsigned(25)),
        Example("1864", .unsigned(100)), Example("1903e8", .unsigned(1000)),
        Example("1a000f4240", .unsigned(1_000_000)),
        Example("1b000000e8d4a51000", .unsigned(1_000_000_000_000)), Example("1bffffffffffffffff", .unsigned(.max)),
        Example("c249010000000000000000", .tagged(2, .bytes([1, 0, 0, 0, 0, 0, 0, 0, 0]))),
        Example("3bffffffffffffffff", .negative(.max)),
        Example("c349010000000000000000", .tagged(3, .bytes([1, 0, 0, 0, 0, 0, 0, 0, 0]))),
        Example("20", .integer(-1)), Example("29", .integer(-10)), Example("3863", .integer(-100)),
        Example("3903e7", .integer(-1000)),
        Example("f90000", number(0)), Example("f98000", number(-0.0)), Example("f93c00", number(1)),
        Example("fb3ff199999999999a", number(1.1)), Example("f93e00", number(1.5)), Example("f97bff", number(65504)),
        Example("fa47c35000", number(100_000)), Example("fa7f7fffff", number(3.402_823_466_385_288_6e+38)),
        Example("fb7e37e43c8800759c", number(1e300)), Example("f90001", number(5.960_464_477_539_063e-8)),
        Example("f90400", number(0.000_061_035_156_25)), Example("f9c400", number(-4)),
        Example("fbc010666666666666", number(-4.1)), Example("f97c00", number(Double.infinity)),
        Example("f97e00", number(Double.nan)), Example("f9fc00", number(-Double.infinity)),
    ]

    static let others: [Example] = [
        Example("f4", .bool(false)), Example("f5", .bool(true)), Example("f6", .null), Example("f7", .undefined),
        Example("f0", .simple(16)), Example("f8ff", .simple(255)),
        Example("c074323031332d30332d32315432303a30343a30305a", .tagged(0, .text("2013-03-21T20:04:00Z"))),
        Example("c11a514b67b0", .tagged(1, .unsigned(1_363_896_240))),
        Example("c1fb41d452d9ec200000", .tagged(1, number(1_363_896_240.5))),
        Example("d74401020304", .tagged(23, .bytes([1, 2, 3, 4]))),
        Example("d818456449455446", .tagged(24, .bytes([0x64, 0x49, 0x45, 0x54, 0x46]))),
        Example(
            "d82076687474703a2f2f7777772e6578616d706c652e636f6d", .tagged(32, .text("http://www.example.com"))),
        Example("40", .bytes([])), Example("4401020304", .bytes([1, 2, 3, 4])), Example("60", .text("")),
        Example("6161", .text("a")), Example("6449455446", .text("IETF")), Example("62225c", .text("\"\\")),
        Example("62c3bc", .text("\u{00fc}")), Example("63e6b0b4", .text("\u{6c34}")),
        Example("64f0908591", .text("\u{10151}")), Example("80", .array([])),
        Example("83010203", .array([.unsigned(1), .unsigned(2), .unsigned(3)])),
        Example(
            "8301820203820405",
            .array([
                .unsigned(1), .array([.unsigned(2), .unsigned(3)]), .array([.unsigned(4), .unsigned(5)]),
            ])),
        Example("98190102030405060708090a0b0c0d0e0f101112131415161718181819", oneToTwentyFive),
        Example("a0", .map([])),
        Example("a201020304", map([.unsigned(1): .unsigned(2), .unsigned(3): .unsigned(4)])),
        Example(
            "a26161016162820203",
            map([.text("a"): .unsigned(1), .text("b"): .array([.unsigned(2), .unsigned(3)])])),
        Example("826161a161626163", .array([.text("a"), map([.text("b"): .text("c")])])),
        Example(
            "a56161614161626142616361436164614461656145",
            map([
                .text("a"): .text("A"), .text("b"): .text("B"), .text("c"): .text("C"), .text("d"): .text("D"),
                .text("e"): .text("E"),
            ])),
    ]

    @Test("every deterministic example encodes to its bytes and decodes to its value", arguments: numbers + others)
    func deterministic(example: Example) throws {
        let bytes = try #require(hexadecimal(example.hex))
        #expect(Hexadecimal.text(example.item.encoded()) == example.hex)
        let decoded = try CBOR(decoding: bytes)
        #expect(Hexadecimal.text(decoded.encoded()) == example.hex)
        if case .float(let value) = example.item, value.isNaN {
            guard case .float(let found) = decoded, found.isNaN else {
                Issue.record("\(decoded) is not NaN")
                return
            }
        } else {
            #expect(decoded == example.item)
        }
    }

    @Test(
        "every example that is not deterministic is refused as such",
        arguments: [
            "fa7f800000", "fa7fc00000", "faff800000", "fb7ff0000000000000", "fb7ff8000000000000", "fbfff0000000000000",
            "5f42010243030405ff", "7f657374726561646d696e67ff", "9fff", "9f018202039f0405ffff", "9f01820203820405ff",
            "83018202039f0405ff", "83019f0203ff820405",
            "9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff", "bf61610161629f0203ffff",
            "826161bf61626163ff", "bf6346756ef563416d7421ff",
        ])
    func refused(hex: String) throws {
        let bytes = try #require(hexadecimal(hex))
        let error = #expect(throws: WireError.self) { try CBOR(decoding: bytes) }
        #expect(error?.code == .notDeterministic)
    }
}

/// Bytes of a hexadecimal text.
func hexadecimal(_ text: String) -> [UInt8]? {
    let digits = Array(text)
    guard digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
        guard let byte = UInt8(String(digits[index...index + 1]), radix: 16) else { return nil }
        bytes.append(byte)
    }
    return bytes
}
