import ModelImage
public import ONNXFormat

/// Compiles ONNX models to images for `EdgeRuntime`.
///
/// ```swift
/// let model = try ONNXModel(parsing: bytes)
/// let compiled = try ModelCompiler.compile(model, options: CompileOptions(dims: ["N": 1]))
/// print(compiled.report)
/// ```
/// The way of a model: `Importer` (ONNX → graph, shapes known, constants folded) → `PassPipeline` (rewritings that
/// keep what the graph computes) → `ImagePlanner` (kernels, arena, packed weights) → image bytes.
public enum ModelCompiler {
    /// The versions of ONNX's standard operator set that the compiler knows; before version 6 only the operators whose
    /// first definition still held then.
    public static let operatorSets: ClosedRange<Int> = 1...28

    /// The most nodes of a model: arena planning compares every two steps.
    public static let maximumNodes = 16_384

    /// Compiles a model.
    ///
    /// - Throws: ``CompileError``. ``CompileError/unsupported(_:)`` lists all nodes that the runtime cannot run, with what
    ///   would help, before anything is run or written.
    public static func compile(
        _ onnx: ONNXModel, options: CompileOptions = CompileOptions()
    ) throws(CompileError) -> CompiledModel {
        var graph = try Importer.graph(of: onnx, options: options)
        let changes: [Int]
        do throws(ShapeError) {
            changes = try PassPipeline.run(&graph)
        } catch {
            throw .image("a pass broke the graph: \(error.reason)")
        }
        let plan = try ImagePlanner.plan(graph)
        do throws(ImageError) {
            let bytes = try plan.image.encoded()
            return CompiledModel(
                imageBytes: bytes,
                report: CompileReport(
                    plan, imageByteCount: bytes.count, changes: changes,
                    labels: graph.outputs.map { graph[$0.value].labels }))
        } catch {
            throw .image(error.description)
        }
    }
}

extension CompileReport {
    init(_ plan: ImagePlanner.Result, imageByteCount: Int, changes: [Int], labels: [[String]?]) {
        let image = plan.image
        func port(_ index: Int, _ labels: [String]?) -> Port {
            let tensor = image.tensors[index]
            return Port(
                name: tensor.name, elementType: "\(tensor.elementType)", shape: tensor.shape, labels: labels)
        }
        inputs = image.inputs.map { port($0, nil) }
        outputs = zip(image.outputs, labels).map(port)
        steps = zip(plan.steps, image.operations).map { Step($0, $1) }
        arenaBytes = image.arenaBytes
        arenaLowerBound = ArenaPlanner.lowerBound(plan.arena)
        weightBytes = image.tensors.filter { $0.kind == .constant }.map(\.data.count).reduce(0, +)
        self.imageByteCount = imageByteCount
        passes = zip(PassPipeline.passes, changes).map { PassChanges(name: $0.name, changes: $1) }
    }
}

extension CompileReport.Step {
    init(_ step: PlannedStep, _ encoded: ImageDescription.Step) {
        name = step.name
        operation = "\(step.operation.opcode)"
        activation = step.activation.function == .identity ? nil : "\(step.activation.function)"
        outputShape = step.output.shape
        scratchBytes = encoded.scratchBytes
        let elements = step.output.shape.reduce(1, *)
        let right = step.inputs.count > 1 ? step.inputs[1].map { ImagePlanner.packedShape(step, $0) } : nil
        switch step.operation {
        case .gemm: multiplyAdds = elements * (right?[0] ?? 0)
        case .convolution: multiplyAdds = elements * (right?[1] ?? 0)
        case .depthwise: multiplyAdds = elements * (right?[0] ?? 0)
        case .integer(.gemm), .integer(.convolution), .integer(.depthwise):
            multiplyAdds = elements * (right?[1] ?? 0)
        case .matMul: multiplyAdds = elements * (step.inputs[0]?.shape.last ?? 0)
        default: multiplyAdds = 0
        }
    }
}
