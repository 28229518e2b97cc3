import EdgeRuntime
import ModelImage
import OperatorInterface
import Sketches
import Testing

/// A record of a portable operator with operands and words that mean nothing, and a window on all of its arena.
private struct RandomRecord {
    /// Bytes of the arena; every operand has a place of its own with unused bytes behind it.
    static let arenaBytes = 1 << 16
    private static let place = 4096
    private static let shapes: [[Int]] = [
        [], [1], [2], [3], [4], [2, 3], [3, 2], [1, 4], [2, 1], [1, 2, 4], [2, 3, 4], [1, 1, 3, 3], [1, 2, 3, 3],
        [1, 1, 2, 2], [0], [2, 0],
    ]
    private static let types: [ElementType] = [.float32, .float64, .int64, .int64, .int32, .uint8, .int8, .bool]

    private(set) var image = ImageDescription()
    /// What the record may write.
    private(set) var written: [Range<Int>] = []
    private var nextPlace = 0

    init(_ opcode: Opcode, _ random: inout SeededGenerator) {
        let type = Self.types.randomElement(using: &random) ?? .float32
        var inputs: [Int?] = []
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            inputs.append(UInt8.random(in: 0..<12, using: &random) == 0 ? nil : operand(type, &random))
        }
        var outputs: [Int] = []
        for _ in 0..<Int.random(in: 1...2, using: &random) {
            let output = tensor(
                Bool.random(using: &random) ? type : Self.types.randomElement(using: &random) ?? type, &random)
            outputs.append(image.add(output))
            written.append(output.arenaOffset..<output.arenaOffset + output.shape.reduce(output.elementType.size, *))
        }
        let scratch = nextPlace * Self.place
        written.append(scratch..<scratch + 1024)
        let words = (0..<Int.random(in: 0...20, using: &random)).map { _ in
            UInt8.random(in: 0..<20, using: &random) == 0
                ? Int32.random(in: .min ... .max, using: &random) : .random(in: 0...4, using: &random)
        }
        image.operations = [
            .init(
                .portable(opcode, words: words), inputs: inputs, outputs: outputs, scratchOffset: scratch,
                scratchBytes: 1024)
        ]
        image.inputs = [
            image.add(.init(name: "all", elementType: .uint8, kind: .input, shape: [Self.arenaBytes]))
        ]
        image.outputs = [
            image.add(.init(name: "after", elementType: .uint8, kind: .output, shape: [Self.arenaBytes]))
        ]
        image.arenaBytes = Self.arenaBytes
    }

    private mutating func tensor(_ type: ElementType, _ random: inout SeededGenerator) -> ImageDescription.Tensor {
        defer { nextPlace += 1 }
        return .init(
            name: "", elementType: type, kind: .intermediate, shape: Self.shapes.randomElement(using: &random) ?? [],
            arenaOffset: nextPlace * Self.place)
    }

    private mutating func operand(_ type: ElementType, _ random: inout SeededGenerator) -> Int {
        let type =
            UInt8.random(in: 0..<3, using: &random) == 0 ? Self.types.randomElement(using: &random) ?? type : type
        var operand = tensor(type, &random)
        if Bool.random(using: &random) {
            operand.kind = .constant
            operand.arenaOffset = 0
            operand.data = (0..<operand.shape.reduce(type.size, *)).map { index in
                index % type.size == 0 ? .random(in: 0...2, using: &random) : 0
            }
        }
        return image.add(operand)
    }
}

@Suite("Hostile records of portable operators")
struct PortableRecordTests {
    @Test(
        "whatever a record says, it is refused or writes nothing but its results and scratch",
        arguments: Opcode.allCases.filter(\.isPortable))
    func records(opcode: Opcode) throws {
        var random = SeededGenerator(seed: UInt64(opcode.rawValue))
        let before = (0..<RandomRecord.arenaBytes).map { _ in UInt8.random(in: 0...255, using: &random) }
        var accepted = 0
        for _ in 0..<3000 {
            let record = RandomRecord(opcode, &random)
            let image = try ImageMemory(record.image)
            do throws(RuntimeError) {
                var model = try Model(bytes: image.bytes)
                accepted += 1
                model.withInput(0) { $0.copyBytes(from: before) }
                model.run()
                let after = model.withOutput(0) { Array($0) }
                guard after != before else { continue }
                let strays = after.indices.filter { place in
                    after[place] != before[place] && !record.written.contains { $0.contains(place) }
                }
                #expect(strays.isEmpty, "\(record.image.operations) writes at \(strays.prefix(3))")
            } catch {
                guard case .image = error else { throw error }
            }
        }
        _ = accepted
    }
}
