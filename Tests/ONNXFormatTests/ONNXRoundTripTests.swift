import ONNXFormat
import Testing

@Suite("ONNX files survive reading and writing")
struct ONNXRoundTripTests {
    @Test("every part of the format survives")
    func everything() throws {
        let model = modelWithEverything()
        #expect(try ONNXModel(parsing: model.serialized()) == model)
    }

    @Test("real models survive, and writing is deterministic", arguments: Fixture.allCases)
    func fixtures(_ fixture: Fixture) throws {
        let model = try ONNXModel(parsing: fixture.bytes())
        let written = model.serialized()
        #expect(try ONNXModel(parsing: written) == model)
        #expect(model.serialized() == written)
        #expect(model.operatorSetVersion() == 17)
    }

    @Test("a real model shows its nodes, weights and shapes")
    func contents() throws {
        let graph = try ONNXModel(parsing: Fixture.ad.bytes()).graph
        let weights = graph.initializers.filter { $0.elementType == .float }.compactMap(\.elementCount).reduce(0, +)
        #expect(weights >= 265_864)
        #expect(graph.nodes.contains { $0.operatorType == "Gemm" || $0.operatorType == "MatMul" })
        #expect(graph.inputs.count == 1)
        guard case .tensor(.float, let shape?) = graph.inputs.first?.type else {
            Issue.record("the input has no tensor type")
            return
        }
        #expect(shape.last == 640)
    }

    @Test("the builder's graph reads back with the same values")
    func builder() throws {
        var builder = ONNXGraphBuilder(name: "net")
        let x = builder.input("frame", dims: ["N", 3])
        let hidden = builder.relu(builder.gemm(x, weights: [1, 2, 3, 4, 5, 6], rows: 2, columns: 3, bias: [7, 8]))
        builder.output(builder.softmax(hidden), name: "p", dims: ["N", 2])
        let model = try ONNXModel(parsing: builder.model(producer: "test").serialized())
        #expect(model.graph.nodes.map(\.operatorType) == ["Gemm", "Relu", "Softmax"])
        #expect(model.graph.nodes.last?.outputs == ["p"])
        #expect(model.graph.nodes[0].attribute("transB") == .int(1))
        #expect(try model.graph.initializers[0].floats() == [1, 2, 3, 4, 5, 6])
        #expect(model.graph.initializers[0].dims == [2, 3])
    }

    @Test("an output that is an input is copied under its new name")
    func outputOfInput() {
        var builder = ONNXGraphBuilder(name: "net")
        let x = builder.input("x", dims: [1])
        builder.output(x, name: "y", dims: [1])
        #expect(builder.graph.nodes == [ONNXNode("Identity", name: "y_node", inputs: ["x"], outputs: ["y"])])
    }
}

@Suite("Tensor values")
struct ONNXTensorTests {
    @Test(
        "a half-precision number is widened exactly",
        arguments: [
            (0x3C00, 1.0), (0xC000, -2.0), (0x0001, 0x1p-24), (0x7BFF, 65504.0), (0x3555, 0.333251953125),
            (0x8000, -0.0),
        ] as [(UInt16, Float)])
    func half(bits: UInt16, value: Float) throws {
        let tensor = ONNXTensor(
            elementType: .float16, dims: [], content: .raw([UInt8(bits & 0xFF), UInt8(bits >> 8)]))
        #expect(try tensor.floats().map(\.bitPattern) == [value.bitPattern])
    }

    @Test("half-precision infinity and not-a-number stay what they are")
    func halfSpecials() throws {
        let tensor = ONNXTensor(elementType: .float16, dims: [2], content: .raw([0x00, 0xFC, 0x01, 0x7E]))
        let values = try tensor.floats()
        #expect(values[0] == -.infinity)
        #expect(values[1].isNaN)
    }

    @Test(
        "integers of every width are widened with their sign",
        arguments: [
            (.int8, [0xFF], -1), (.uint8, [0xFF], 255), (.int16, [0xFE, 0xFF], -2), (.uint16, [0xFE, 0xFF], 65534),
            (.int32, [0xFD, 0xFF, 0xFF, 0xFF], -3), (.uint32, [0xFD, 0xFF, 0xFF, 0xFF], 4_294_967_293), (.bool, [1], 1),
            (.int64, [0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], -4), (.uint64, [9, 0, 0, 0, 0, 0, 0, 0], 9),
        ] as [(ONNXElementType, [UInt8], Int64)])
    func integers(type: ONNXElementType, bytes: [UInt8], value: Int64) throws {
        #expect(try ONNXTensor(elementType: type, dims: [1], content: .raw(bytes)).integers() == [value])
    }

    @Test("a tensor refuses to give values of another type, elsewhere, or of another size")
    func refusals() {
        #expect(throws: ONNXError.self) { try ONNXTensor(dims: [1], floats: [1]).integers() }
        #expect(throws: ONNXError.self) { try ONNXTensor(dims: [1], int64s: [1]).floats() }
        #expect(throws: ONNXError.self) { try ONNXTensor(dims: [2], floats: [1]).floats() }
        #expect(throws: ONNXError.self) {
            try ONNXTensor(elementType: .float, dims: [1], content: .external([])).floats()
        }
        #expect(throws: ONNXError.self) {
            try ONNXTensor(elementType: .float, dims: [.max, .max], content: .raw([])).floats()
        }
    }

    @Test("numbers in typed fields mean the same as raw data")
    func typedFields() throws {
        // Graph(7) → initializer(5) → dims(1) = 2, data_type(2), then the typed field, written by hand.
        func values(_ type: UInt8, _ field: [UInt8]) throws -> ONNXTensor {
            let tensor: [UInt8] = [0x08, 2, 0x10, type] + field
            let graph: [UInt8] = [0x2A, UInt8(tensor.count)] + tensor
            return try ONNXModel(parsing: [0x3A, UInt8(graph.count)] + graph).graph.initializers[0]
        }
        #expect(try values(1, [0x22, 8, 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40]).floats() == [1, 2])
        #expect(try values(1, [0x25, 0, 0, 0x80, 0x3F, 0x25, 0, 0, 0, 0x40]).floats() == [1, 2])
        #expect(
            try values(3, [0x2A, 11, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 5]).integers() == [-1, 5])
        #expect(try values(7, [0x38, 3, 0x38, 0x80, 0x01]).integers() == [3, 128])
        #expect(try values(10, [0x2A, 4, 0x80, 0x78, 0x80, 0x78]).floats() == [1, 1])
    }
}
