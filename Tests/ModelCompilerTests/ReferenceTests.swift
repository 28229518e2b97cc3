import Foundation
import ModelImage
import ONNXFormat
import Testing

@testable import ModelCompiler

@Suite("Shapes, constants and weights, against values worked out by hand")
struct ReferenceTests {
    @Test(
        "shapes follow the ONNX rules",
        arguments: [
            (.dense, [[2, 3, 4], [4, 5]], [2, 3, 5]),
            (.matMul(transposedRight: false), [[7, 1, 2, 3], [5, 3, 4]], [7, 5, 2, 4]),
            (.matMul(transposedRight: true), [[2, 3], [4, 3]], [2, 4]),
            (.binary(.add), [[3, 1, 5], [4, 1]], [3, 4, 5]),
            (.transpose([2, 0, 1]), [[2, 3, 4]], [4, 2, 3]),
            (.concat(axis: 1), [[2, 3], [2, 1]], [2, 4]),
            (.pad(before: [1, 0], after: [0, 2], mode: .constant, value: 0), [[2, 3]], [3, 5]),
            (.reduce(.sum, axes: [0, 2], keepsAxes: true), [[2, 3, 4]], [1, 3, 1]),
            (.reduce(.sum, axes: [0, 2], keepsAxes: false), [[2, 3, 4]], [3]),
            (.argMax(axis: 1, smallest: false, last: false, keepsAxis: false), [[2, 3, 4]], [2, 4]),
            (.slice(starts: [1, 2], steps: [1, -2], counts: [1, 2]), [[2, 3]], [1, 2]),
        ] as [(GraphOperation, [[Int]], [Int])])
    func shapes(operation: GraphOperation, inputs: [[Int]], expected: [Int]) throws {
        var graph = Graph()
        let ids = inputs.map {
            graph.addValue(GraphValue(name: "", elementType: .float32, shape: $0, constant: nil))
        }
        let result = try ShapeInference.result(of: operation, inputs: ids, in: graph)
        #expect(result.shape == expected)
    }

    @Test(
        "operands that do not fit are refused",
        arguments: [
            (.dense, [[2, 3], [4, 5]]), (.binary(.add), [[2, 3], [4]]), (.transpose([0, 0]), [[2, 3]]),
            (.concat(axis: 0), [[2, 3], [2, 4]]), (.reshape([5]), [[2, 3]]),
            (.reduce(.sum, axes: [2], keepsAxes: true), [[2]]),
            (.slice(starts: [1], steps: [2], counts: [2]), [[3]]), (.affine(axis: 1), [[2, 3], [2], [2]]),
            (.matMul(transposedRight: false), [[2, 3, 4], [3, 4, 5]]),
        ] as [(GraphOperation, [[Int]])])
    func misfits(operation: GraphOperation, inputs: [[Int]]) {
        var graph = Graph()
        let ids = inputs.map {
            graph.addValue(GraphValue(name: "", elementType: .float32, shape: $0, constant: nil))
        }
        #expect(throws: ShapeError.self) { try ShapeInference.result(of: operation, inputs: ids, in: graph) }
    }

    private let matrix = Constant(floats: [1, 2, 3, 4, 5, 6], shape: [2, 3])

    @Test(
        "constants are computed",
        arguments: [
            (.transpose([1, 0]), [3, 2], [1, 4, 2, 5, 3, 6]),
            (.reshape([6]), [6], [1, 2, 3, 4, 5, 6]),
            (.slice(starts: [1, 2], steps: [1, -2], counts: [1, 2]), [1, 2], [6, 4]),
            (
                .pad(before: [0, 1], after: [1, 0], mode: .constant, value: 9), [3, 4],
                [9, 1, 2, 3, 9, 4, 5, 6, 9, 9, 9, 9]
            ),
            (.reduce(.sum, axes: [0], keepsAxes: false), [3], [5, 7, 9]),
            (.reduce(.mean, axes: [1], keepsAxes: true), [2, 1], [2, 5]),
            (.reduce(.l2, axes: [0, 1], keepsAxes: false), [], [9.539392]),
            (.reduce(.product, axes: [1], keepsAxes: false), [2], [6, 120]),
        ] as [(GraphOperation, [Int], [Float])])
    func constants(operation: GraphOperation, shape: [Int], expected: [Float]) throws {
        let result = try folded([matrix]) { try $0.emit(operation, .none, $1) }
        #expect(result == Constant(floats: expected, shape: shape))
    }

    @Test("constants broadcast, and activations follow")
    func binary() throws {
        let row = Constant(floats: [10, -20, 30], shape: [3])
        let result = try folded([row, matrix]) { try $0.emit(.binary(.subtract), .relu, $1) }
        #expect(result == Constant(floats: [9, 0, 27, 6, 0, 24], shape: [2, 3]))
        let joined = try folded([matrix, matrix]) { try $0.emit(.concat(axis: 1), .none, $1) }
        #expect(joined.floats == [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6])
    }

    @Test(
        "integers wrap, and a division by zero gives zero",
        arguments: [
            (.add, Int64.max, 1, Int64.min), (.multiply, 1 << 62, 4, 0), (.divide, -7, 2, -3), (.divide, 7, 0, 0),
            (.divide, .min, -1, .min), (.power, 2, 10, 1024), (.power, 2, -1, 0), (.power, 1, .max, 1),
            (.minimum, 3, -3, -3), (.maximum, 3, -3, 3), (.modulo, -7, 3, 2), (.remainder, -7, 3, -1),
        ] as [(PairOperation, Int64, Int64, Int64)])
    func integers(operation: PairOperation, x: Int64, y: Int64, expected: Int64) throws {
        let operands = [x, y].map { Constant(integers: [$0], shape: []) }
        let result = try folded(operands) { try $0.combine(operation, $1[0]!, $1[1]!) }
        #expect(result.integers == [expected])
    }

    /// What `body` makes of constants.
    private func folded(
        _ operands: [Constant], _ body: (inout GraphBuilder, [ValueID?]) throws -> ValueID
    ) throws -> Constant {
        var builder = GraphBuilder(foldingBudget: 1 << 20)
        var ids: [ValueID?] = []
        for operand in operands { ids.append(try builder.constant(operand)) }
        let result = try body(&builder, ids)
        return try #require(builder.constant(result))
    }

    @Test(
        "casts follow ONNX, and never trap",
        arguments: [
            ([2.7, -2.7, 0, 1e30], .int32, [2, -2, 0, 0x7FFF_FFFF]), ([0, -0.5, .nan], .bool, [0, 1, 1]),
            ([300, -1], .uint8, [255, 0]),
            ([.nan, .infinity], .int64, [0, .max]),
        ] as [([Float], ElementType, [Int64])])
    func casts(values: [Float], type: ElementType, expected: [Int64]) throws {
        let operand = Constant(floats: values, shape: [values.count])
        let result = try folded([operand]) { try $0.cast($1[0]!, to: type) }
        #expect(result.integers == expected)
        #expect(result.elementType == type)
    }

    @Test(
        "half precision rounds to the nearest, ties to even",
        arguments: [
            (1.0009765, 1.0009766), (2049, 2048), (2051, 2052), (65519, 65504), (65520, .infinity), (1e-8, 0),
            (6e-8, 5.9604645e-8),
        ] as [(Float, Float)])
    func halves(value: Float, expected: Float) throws {
        let operand = Constant(floats: [value], shape: [])
        let result = try folded([operand]) { try $0.cast($0.cast($1[0]!, to: .float16), to: .float32) }
        #expect(result.floats == [expected])
    }

    /// The unpacked element at (row, column) of matrix `group`.
    private func element(_ tensor: ImageDescription.Tensor, _ group: Int, _ row: Int, _ column: Int) -> Float {
        let shape = tensor.shape.suffix(2).map { $0 }
        let size = PanelLayout.elementCount(rows: shape[0], columns: shape[1])
        let place = (column / PanelLayout.width * shape[0] + row) * PanelLayout.width + column % PanelLayout.width
        return floats(tensor.data)[group * size + place]
    }

    @Test("convolution weights become one matrix per group, a row per tap and channel")
    func convolutionWeights() throws {
        // Four filters in two groups, two channels each, two taps: the value tells filter, channel and tap.
        let values = (0..<16).map { (index: Int) -> Float in
            Float(index / 4 * 100 + index / 2 % 2 * 10 + index % 2)
        }
        let weights = Constant(floats: values, shape: [4, 2, 2])
        let packed = try #require(WeightPacking.convolution(weights, groups: 2, name: "w"))
        #expect(packed.shape == [2, 4, 2])
        #expect(packed.layout == .panels)
        #expect(element(packed, 0, 0, 0) == 0)
        #expect(element(packed, 0, 3, 1) == 111)  // tap 1, channel 1, filter 1
        #expect(element(packed, 1, 2, 0) == 201)  // tap 1, channel 0, filter 2
    }

    @Test("depthwise weights have a row per tap and a column per channel")
    func depthwiseWeights() throws {
        let values = (0..<60).map { (index: Int) -> Float in Float(index / 3 * 10 + index % 3) }
        let packed = try #require(
            WeightPacking.depthwise(Constant(floats: values, shape: [20, 1, 3]), name: "w"))
        #expect(packed.shape == [3, 20])
        #expect(element(packed, 0, 2, 0) == 2)
        #expect(element(packed, 0, 1, 17) == 171)
    }
}

@Suite("What the compiler reports")
struct ReportTests {
    @Test("the report tells ports, steps, multiplications, arena and weights")
    func report() throws {
        var builder = ONNXGraphBuilder(name: "net")
        let x = builder.input("frame", dims: ["N", 6, 50])
        let weights = [Float](repeating: 0.1, count: 8 * 6 * 5)
        let features = builder.relu(builder.conv(x, weights: weights, weightDims: [8, 6, 5], pads: [2, 2]))
        let pooled = builder.flatten(builder.globalAveragePool(features))
        let scores = builder.gemm(
            pooled, weights: [Float](repeating: 1, count: 24), rows: 3, columns: 8, bias: [0, 0, 0])
        builder.output(builder.softmax(scores), name: "scores", dims: ["N", 3])
        let compiled = try ModelCompiler.compile(builder.model(producer: "test"))
        let report = compiled.report
        #expect(report.inputs.map(\.shape) == [[1, 6, 50]])
        #expect(report.outputs.map(\.name) == ["scores"])
        #expect(report.steps.map(\.operation) == ["transpose", "convolution", "averagePool", "gemm", "softmax"])
        #expect(report.steps[1].activation == "relu")
        #expect(report.steps[1].multiplyAdds == 50 * 8 * 6 * 5)
        #expect(report.multiplyAdds == 50 * 8 * 6 * 5 + 24)
        #expect(report.imageByteCount == compiled.imageBytes.count)
        #expect(report.arenaBytes >= report.arenaLowerBound)
        #expect(report.description.contains("convolution + relu → [1, 1, 50, 8]  12000 multiply-adds"))
        #expect(compiled == (try ModelCompiler.compile(builder.model(producer: "test"))))
    }

    @Test("docs/operators.md lists exactly the operators that the compiler knows")
    func documentation() throws {
        let url = fixtures.deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/operators.md")
        let text = try String(contentsOf: url, encoding: .utf8)
        let listed = text.split(separator: "\n").compactMap { line -> String? in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
            guard cells.count > 2, cells[1].hasPrefix(" `") else { return nil }
            return cells[1].trimmingCharacters(in: CharacterSet(charactersIn: " `"))
        }
        // A name that ONNX's own domain has too stands with its domain.
        let standard = Set(OperatorTable.families["", default: []].flatMap(\.keys))
        let known = OperatorTable.families.flatMap { domain, families in
            families.flatMap(\.keys).map { !domain.isEmpty && standard.contains($0) ? "\(domain).\($0)" : $0 }
        }
        #expect(listed.sorted() == known.sorted())
        #expect(Set(known).count == known.count, "an operator is in two families")
    }

    @Test("a long model compiles, one above the limit is refused")
    func size() throws {
        var model = TestModel()
        model.input("v0", [4])
        for index in 0..<2000 {
            model.node(index % 2 == 0 ? "Tanh" : "Exp", ["v\(index)"], ["v\(index + 1)"])
        }
        model.output("v2000")
        #expect(try ModelCompiler.compile(model.onnx).report.steps.count == 2000)
        for index in 2000..<ModelCompiler.maximumNodes + 1 { model.node("Tanh", ["v\(index)"], ["v\(index + 1)"]) }
        #expect(throws: CompileError.self) { try ModelCompiler.compile(model.onnx) }
    }
}
