import FleetModel
import FleetWire
import Sketches
import Testing

@Suite struct CBORTests {
    private func code(of hex: String) -> WireError.Code? {
        guard let bytes = hexadecimal(hex) else { return nil }
        do {
            _ = try CBOR(decoding: bytes)
            return nil
        } catch {
            return error.code
        }
    }

    @Test(
        "bytes that are not one well-formed, deterministic item are refused with the right code",
        arguments: [
            ("", .truncated), ("18", .truncated), ("19ff", .truncated), ("62c3", .truncated), ("44010203", .truncated),
            ("8201", .truncated), ("a101", .truncated), ("c2", .truncated), ("1bffffffffffffff", .truncated),
            ("9bffffffffffffffff", .truncated), ("bbffffffffffffffff", .truncated), ("5bffffffffffffffff", .truncated),
            ("0000", .trailingBytes), ("f6f6", .trailingBytes),
            ("1c", .malformed), ("5d", .malformed), ("ff", .malformed), ("f801", .malformed), ("f81f", .malformed),
            ("61ff", .malformed), ("62c328", .malformed), ("fc", .malformed),
            ("1817", .notDeterministic), ("190018", .notDeterministic), ("1a00000100", .notDeterministic),
            ("1b0000000000010000", .notDeterministic), ("5800", .notDeterministic), ("9800", .notDeterministic),
            ("d80001", .notDeterministic), ("fa3f800000", .notDeterministic), ("fb3ff0000000000000", .notDeterministic),
            ("f97e01", .notDeterministic), ("a202000100", .notDeterministic), ("a201000100", .notDeterministic),
            ("a2616100190100f4", .notDeterministic),
        ] as [(String, WireError.Code)])
    func refused(hex: String, expected: WireError.Code) {
        #expect(code(of: hex) == expected)
    }

    @Test("nesting up to the limit is read, one level more is refused")
    func depth() {
        let arrays = String(repeating: "81", count: WireLimits.depth)
        #expect(code(of: arrays + "00") == nil)
        #expect(code(of: "81" + arrays + "00") == .tooDeep)
        #expect(code(of: String(repeating: "c1", count: WireLimits.depth + 1) + "00") == .tooDeep)
        #expect(code(of: String(repeating: "a100", count: 100_000)) == .tooDeep)
    }

    @Test("map keys are written in the order of their encodings, whatever order they are given in")
    func order() throws {
        let keys: [CBOR] = [
            .unsigned(10), .unsigned(100), .integer(-1), .text("z"), .text("aa"), .array([.unsigned(100)]),
            .array([.integer(-1)]), .bool(false),
        ]
        let map = CBOR.map(keys.reversed().map { CBOR.Entry(key: $0, value: .null) })
        // The example of RFC 8949, 4.2.1.
        #expect(Hexadecimal.text(map.encoded()) == "a80af61864f620f6617af6626161f6811864f68120f6f4f6")
        #expect(try CBOR(decoding: map.encoded()) == .map(keys.map { CBOR.Entry(key: $0, value: .null) }))
    }

    @Test("every 16-bit float survives, and its neighbours in 32 bits take 32 bits")
    func halves() throws {
        for bits in UInt16.min...UInt16.max {
            let encoded: [UInt8] = [0xF9, UInt8(bits >> 8), UInt8(bits & 0xFF)]
            let isNaN = bits & 0x7C00 == 0x7C00 && bits & 0x3FF != 0
            guard !isNaN else {
                #expect((try? CBOR(decoding: encoded)) == nil || bits == 0x7E00)
                continue
            }
            guard case .float(let value) = try CBOR(decoding: encoded) else {
                Issue.record("0x\(String(bits, radix: 16)) is not a float")
                return
            }
            #expect(CBOR.float(value).encoded() == encoded)
            let neighbour = Float(value).nextUp
            if neighbour.isFinite, neighbour != 0, value.isFinite {
                #expect(CBOR.float(Double(neighbour)).encoded().first == 0xFA)
            }
        }
    }

    @Test("random items survive the way there and back", arguments: 1...20)
    func roundTrip(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        for _ in 0..<100 {
            let bytes = randomItem(depth: 0, using: &random).encoded()
            #expect(try CBOR(decoding: bytes).encoded() == bytes)
        }
    }

    private func randomItem(depth: Int, using random: inout SeededGenerator) -> CBOR {
        let number = random.next() >> UInt64.random(in: 0...63, using: &random)
        let count = Int.random(in: 0...4, using: &random)
        switch Int.random(in: 0...(depth < 6 ? 9 : 6), using: &random) {
        case 0: return .unsigned(number)
        case 1: return .negative(number)
        case 2: return .bytes((0..<count * 9).map { UInt8($0) })
        case 3: return .text(String(repeating: "ü", count: count * 7))
        case 4: return .bool(number & 1 == 0)
        case 5:
            return .float(Double(bitPattern: random.next()).isNaN ? Double.nan : Double(Int64(bitPattern: number)) / 8)
        case 6: return .null
        case 7: return .tagged(number, randomItem(depth: depth + 1, using: &random))
        case 8: return .array((0..<count).map { _ in randomItem(depth: depth + 1, using: &random) })
        default:
            return .map(
                (0..<count).map {
                    CBOR.Entry(key: .unsigned(UInt64($0 * 9)), value: randomItem(depth: depth + 1, using: &random))
                })
        }
    }

    @Test(
        "random bytes and mutated messages never stop the reader, and what it takes it writes again", arguments: 1...8)
    func fuzz(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed) &* 7919)
        let messages = WireSamples.all.map(\.encoded)
        for round in 0..<4000 {
            var bytes: [UInt8]
            if round.isMultiple(of: 4) {
                bytes = (0..<Int.random(in: 0...64, using: &random)).map { _ in UInt8(truncatingIfNeeded: random.next())
                }
            } else {
                bytes = messages[round % messages.count]
                for _ in 0..<Int.random(in: 1...3, using: &random) { mutate(&bytes, using: &random) }
            }
            if let item = try? CBOR(decoding: bytes) {
                #expect(item.encoded() == bytes, "seed \(seed), round \(round)")
            }
            for sample in WireSamples.all { sample.tryDecoding(bytes) }
            _ = try? COSESign(decoding: bytes)
        }
    }

    private func mutate(_ bytes: inout [UInt8], using random: inout SeededGenerator) {
        guard !bytes.isEmpty else { return }
        let index = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0...3, using: &random) {
        case 0: bytes[index] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes[index] ^= 1 << UInt8.random(in: 0...7, using: &random)
        case 2: bytes.removeSubrange(index..<min(index + Int.random(in: 1...4, using: &random), bytes.count))
        default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: index)
        }
    }
}
