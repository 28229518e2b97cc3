import ModelImage
import Testing

/// A small network that uses every kind of section: two layers, a bias, a reshape by alias and a softmax.
func smallImage() -> ImageDescription {
    var image = ImageDescription()
    let input = image.add(.input("pixels", shape: [1, 4, 4, 2], at: 0))
    let filters = image.add(
        .panels("filters", groups: [(0..<54).map { Float($0) / 10 }], rows: 18, columns: 3))
    let bias = image.add(.constant("bias", [1, 2, 3], shape: [3]))
    let hidden = image.add(.intermediate("hidden", shape: [1, 2, 2, 3], at: 128))
    let flat = image.add(.intermediate("flat", shape: [1, 12], at: 128))
    let dense = image.add(.panels("dense", [Float](repeating: 0.25, count: 60), rows: 12, columns: 5))
    let output = image.add(.output("scores", shape: [1, 5], at: 0))
    let window = Window(kernel: (3, 3), stride: (2, 2), pads: (1, 1, 1, 1))
    let convolution = Operation.convolution(window, groups: 1)
    image.operations = [
        .init(
            convolution, activation: .relu, inputs: [input, filters, bias], output: hidden, scratchOffset: 192,
            scratchBytes: convolution.scratchBytes(left: Shape([1, 4, 4, 2]), right: Shape([1, 18, 3])) ?? 0,
            name: "conv"),
        .init(.gemm, inputs: [flat, dense, nil], output: output, name: "dense"),
        .init(.softmax(axis: 1, logarithmic: false), inputs: [output], output: output),
    ]
    image.inputs = [input]
    image.outputs = [output]
    image.arenaBytes = 192 + 896
    return image
}

/// Runs `body` on a copy of `bytes` at an aligned address.
func withAligned<Result>(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    let memory = ImageMemory(copying: bytes)
    defer { withExtendedLifetime(memory) {} }
    return try body(memory.bytes)
}

@Suite("Reading and writing images")
struct ImageRoundTripTests {
    @Test("what was written is read back")
    func roundTrip() throws {
        let bytes = try smallImage().encoded()
        #expect(bytes.count % 64 == 0)
        try withAligned(bytes) { buffer in
            let reader = try ImageReader(buffer)
            #expect(reader.tensorCount == 7)
            #expect(reader.operationCount == 3)
            #expect(reader.arenaBytes == 1088)
            #expect(reader.tensorName(reader.input(0)) == "pixels")
            #expect(reader.tensor(reader.output(0)).shape.dimensions == [1, 5])
            #expect(reader.operationName(0) == "conv")
            let first = reader.operation(0)
            #expect(
                first.operation == .convolution(Window(kernel: (3, 3), stride: (2, 2), pads: (1, 1, 1, 1)), groups: 1))
            #expect(first.activation == .relu)
            #expect(reader.input(2, of: first) == 2)
            #expect(reader.input(2, of: reader.operation(1)) == nil)
            let bias = reader.tensor(2)
            #expect(bias.kind == .constant)
            #expect((reader.weights + bias.offset).load(fromByteOffset: 8, as: Float.self) == 3)
        }
    }

    @Test("panels hold their columns side by side and end in zeros")
    func panels() {
        let packed = PanelLayout.pack((0..<40).map { Float($0) }, rows: 2, columns: 20)
        #expect(packed.count == 64)
        #expect(packed[0] == 0 && packed[15] == 15 && packed[16] == 20)
        #expect(packed[32] == 16 && packed[35] == 19 && packed[36] == 0 && packed[48] == 36)
    }

    @Test("an operation that cannot run is refused while writing")
    func refusal() {
        var image = smallImage()
        image.tensors[5].shape = [6, 10]
        #expect(throws: ImageError(.badTensor, .tensor(5), "")) { try image.encoded() }
        image = smallImage()
        image.operations[0].scratchBytes = 64
        #expect(throws: ImageError(.badScratch, .operation(0), "")) { try image.encoded() }
        image = smallImage()
        image.tensors[6].arenaOffset = 128
        #expect(throws: ImageError(.badOperand, .operation(1), "")) { try image.encoded() }
    }
}
