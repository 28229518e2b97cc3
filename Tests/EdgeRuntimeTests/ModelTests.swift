import EdgeRuntime
import Foundation
import ModelImage
import TensorKernels
import Testing

/// Two dense layers, a reshape by alias and a softmax in place.
private func smallModel() throws -> ImageMemory {
    var builder = ImageBuilder()
    let input = builder.input("frame", [1, 2, 2])
    let flat = builder.image.add(
        .intermediate("flat", shape: [1, 4], at: builder.image.tensors[input].arenaOffset))
    let first = builder.image.add(.panels("w1", (0..<12).map { Float($0) / 8 }, rows: 4, columns: 3))
    let second = builder.image.add(.panels("w2", [1, -1, 0.5, 0, 0, 1], rows: 3, columns: 2))
    let hidden = builder.step(.gemm, [flat, first], shape: [1, 3], activation: .relu)
    let scores = builder.step(.gemm, [hidden, second], shape: [1, 2])
    builder.output(scores, "scores")
    builder.image.operations.append(.init(.softmax(axis: 1, logarithmic: false), inputs: [scores], output: scores))
    return try ImageMemory(builder.image)
}

@Suite("Loading and running models")
struct ModelTests {
    @Test("a model tells its inputs, outputs and sizes")
    func inspection() throws {
        let image = try smallModel()
        let model = try Model(bytes: image.bytes)
        let inputs = model.inputs
        let outputs = model.outputs
        #expect(inputs.map(\.name) == ["frame"] && inputs.map(\.shape) == [[1, 2, 2]])
        #expect(outputs.map(\.name) == ["scores"] && outputs.map(\.elementCount) == [2])
        let sizes = (model.arenaBytes, model.imageBytes, model.operationCount)
        #expect(sizes == (192, image.bytes.count, 3))
        #expect(EdgeRuntime.version == "1.0.0")
    }

    @Test("every instruction set gives the same result, again and again")
    func agreement() throws {
        let image = try smallModel()
        let frame: [Float] = [1, -1, 0.5, 2]
        for set in InstructionSet.allCases where set.isAvailable {
            var model = try Model(bytes: image.bytes, instructionSet: set)
            let first = try model.predict(frame)
            let again = try model.predict(frame)
            #expect(first == again)
            // Hidden: 2.25, 2.5625, 2.875; scores: 3.53125, 0.625.
            #expect(abs(first[0] - 0.948_154_6) < 1e-5, "\(set.name)")
        }
    }

    @Test("a mapped file runs like bytes in memory")
    func mapping() throws {
        let image = try smallModel()
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID()).image").path
        try Data(image.bytes).write(to: URL(fileURLWithPath: path))
        var mapped = try Model(mapping: path)
        var inMemory = try Model(bytes: image.bytes)
        try FileManager.default.removeItem(atPath: path)
        let results = try (mapped.predict([1, 2, 3, 4]), inMemory.predict([1, 2, 3, 4]))
        #expect(results.0 == results.1)
    }

    @Test("a missing file and a damaged one are refused")
    func refusedFiles() throws {
        #expect(throws: RuntimeError.unreadableFile(code: 2)) { _ = try Model(mapping: "/nonexistent/martlet.image") }
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID()).image").path
        let image = try smallModel()
        var bytes = Array(image.bytes)
        bytes[bytes.count - 3] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        #expect(throws: RuntimeError.image(ImageError(.checksumMismatch, .file, ""))) { _ = try Model(mapping: path) }
        try FileManager.default.removeItem(atPath: path)
    }

    @Test("wrong counts and ports are told before anything runs")
    func wrongUse() throws {
        let image = try smallModel()
        var model = try Model(bytes: image.bytes)
        var caught: RuntimeError?
        do throws(RuntimeError) { _ = try model.predict([1]) } catch { caught = error }
        #expect(caught == .wrongCount(expected: 4, found: 1))
        let empty = UnsafeBufferPointer<Float>(start: nil, count: 0)
        do throws(RuntimeError) { try model.write(empty, toInput: 1) } catch { caught = error }
        #expect(caught == .noSuchPort(1))
    }

    @Test("an instruction set that is not there is refused")
    func unavailable() throws {
        let image = try smallModel()
        for set in InstructionSet.allCases where !set.isAvailable {
            #expect(throws: RuntimeError.unavailableInstructionSet) {
                _ = try Model(bytes: image.bytes, instructionSet: set)
            }
        }
        #expect(InstructionSet.fastest.isAvailable)
    }

    @Test("image format and kernels agree on sizes and functions")
    func agreedConstants() {
        #expect(KernelLayout.panelWidth == PanelLayout.width)
        #expect(KernelLayout.stripPixels == ScratchSize.stripPixels)
        #expect(UnaryFunction.allCases.map { "\($0)" } == ElementFunction.allCases.map { "\($0)" })
        #expect(UnaryFunction.allCases.map(\.rawValue) == ElementFunction.allCases.map(\.rawValue))
        #expect(BinaryFunction.allCases.map(\.rawValue) == PairFunction.allCases.map(\.rawValue))
        #expect(BinaryFunction.allCases.map { "\($0)" } == PairFunction.allCases.map { "\($0)" })
        #expect(ReduceFunction.allCases.map(\.rawValue) == Reduction.allCases.map(\.rawValue))
        #expect(ReduceFunction.allCases.map { "\($0)" } == Reduction.allCases.map { "\($0)" })
        #expect(PadMode.allCases.map(\.rawValue) == PaddingMode.allCases.map(\.rawValue))
        #expect(RecurrentFunction.allCases.map(\.rawValue) == CellFunction.allCases.map(\.rawValue))
        #expect(RecurrentFunction.allCases.map { "\($0)" } == CellFunction.allCases.map { "\($0)" })
    }
}
