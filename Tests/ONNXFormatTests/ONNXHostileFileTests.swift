import ONNXFormat
import Sketches
import Testing

@Suite("Hostile ONNX files are refused")
struct ONNXHostileFileTests {
    private func code(_ bytes: [UInt8], limits: ONNXLimits = ONNXLimits()) -> ONNXError.Code? {
        do throws(ONNXError) {
            _ = try ONNXModel(parsing: bytes, limits: limits)
            return nil
        } catch {
            return error.code
        }
    }

    @Test(
        "a broken field has the right code",
        arguments: [
            ([], .missing),
            ([0x08], .truncated),
            ([0x3A, 0x05, 0x0A], .truncated),
            ([0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], .truncated),
            ([0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], .malformed),
            ([0x0B], .malformed),
            ([0x00], .malformed),
            ([0x0A, 0x00], .malformed),
            ([0x12, 0x02, 0xC3, 0x28], .invalidText),
            ([0x3A, 0x04, 0x2A, 0x02, 0x10, 0x63], .unknownElementType),
            ([0x3A, 0x06, 0x2A, 0x04, 0x08, 0x02, 0x10, 0x01], .sizeMismatch),
        ] as [([UInt8], ONNXError.Code)])
    func codes(bytes: [UInt8], expected: ONNXError.Code) {
        #expect(code(bytes) == expected)
    }

    @Test("an error tells where in the file it is")
    func offsets() {
        do throws(ONNXError) {
            _ = try ONNXModel(parsing: [0x08, 0x01, 0x3A, 0x04, 0x2A, 0x02, 0x10, 0x63])
            Issue.record("nothing thrown")
        } catch {
            #expect(error.offset == 6)
            #expect(error.description.hasPrefix("unknownElementType at byte 6"))
        }
    }

    @Test("every prefix of a file is refused or is a smaller model, never a crash")
    func prefixes() {
        let bytes = modelWithEverything().serialized()
        for length in 0..<bytes.count {
            _ = code(Array(bytes[..<length]))
        }
        #expect(code(bytes) == nil)
    }

    @Test("each limit stops a file that exceeds it")
    func limits() {
        let bytes = modelWithEverything().serialized()
        #expect(code(bytes, limits: ONNXLimits(maximumBytes: bytes.count)) == nil)
        #expect(code(bytes, limits: ONNXLimits(maximumBytes: bytes.count - 1)) == .limitExceeded)
        #expect(code(bytes, limits: ONNXLimits(maximumMessages: 10)) == .limitExceeded)
        #expect(code(bytes, limits: ONNXLimits(maximumDepth: 3)) == .limitExceeded)
        #expect(code(bytes, limits: ONNXLimits(maximumRank: 2)) == .limitExceeded)
        #expect(code(bytes, limits: ONNXLimits(maximumTextBytes: 4)) == .limitExceeded)
    }

    @Test("graphs nested without end are refused before the stack is used up")
    func nesting() {
        var graph = ONNXGraph(name: "leaf")
        for level in 0..<200 {
            graph = ONNXGraph(
                name: "\(level)",
                nodes: [ONNXNode("If", inputs: [], outputs: [], attributes: [ONNXAttribute("body", .graph(graph))])])
        }
        #expect(code(ONNXModel(graph: graph).serialized()) == .limitExceeded)
    }

    @Test("a claimed size allocates nothing")
    func claimedSize() {
        // A float tensor with dims 2^40 and no data.
        let tensor: [UInt8] = [0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x10, 0x01]
        let graph = [0x2A, UInt8(tensor.count)] + tensor
        #expect(code([0x3A, UInt8(graph.count)] + graph) == .sizeMismatch)
    }

    @Test("thousands of mutated files are read or refused, and what is read can be written", arguments: 0..<8)
    func mutations(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let sources = [modelWithEverything().serialized(), try Fixture.kws.bytes()]
        var read = 0
        var refused = 0
        for round in 0..<600 {
            // The large file is mutated now and then only: most of it is weights.
            let bytes = mutated(sources[round % 20 == 0 ? 1 : 0], &random)
            guard let model = try? ONNXModel(parsing: bytes) else {
                refused += 1
                continue
            }
            read += 1
            // Not-a-number differs from itself, so files are compared rather than values.
            let written = model.serialized()
            #expect(try ONNXModel(parsing: written).serialized() == written, "seed \(seed), round \(round)")
        }
        #expect(read > 30)
        #expect(refused > 50)
    }

    /// Flips, overwrites, cuts out, doubles or swaps a few bytes.
    private func mutated(_ source: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = source
        for _ in 0..<Int.random(in: 1...2, using: &random) where bytes.count > 8 {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            let length = min(Int.random(in: 1...8, using: &random), bytes.count - index)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes[index] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
            case 2: bytes.removeSubrange(index..<index + length)
            case 3: bytes.insert(contentsOf: bytes[index..<index + length], at: index)
            case 4: bytes.removeLast(Int.random(in: 0..<bytes.count / 2, using: &random))
            default: bytes.swapAt(index, Int.random(in: 0..<bytes.count, using: &random))
            }
        }
        return bytes
    }
}
