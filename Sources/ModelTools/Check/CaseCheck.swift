public import ModelCompiler
import ONNXFormat

/// Runs cases of ONNX's backend test suite.
public enum CaseCheck {
    /// Options that compile a case: those of `options` but for dimensions, which come from the data.
    ///
    /// Some cases make all of a large network's weights with ConstantOfShape, so folding may create more than usual.
    public static let options = CompileOptions(maximumFoldedBytes: 2 << 30)

    /// Compiles the model of a case for each of its data sets, runs it and compares every output.
    public static func check(_ folder: CaseFolder, options: CompileOptions = Self.options) -> CheckResult {
        var comparison = TensorComparison()
        var bound: [String] = []
        func result(_ status: CheckResult.Status, _ reason: String = "") -> CheckResult {
            CheckResult(
                name: folder.name, status: status, reason: reason,
                maximumError: comparison.maximumError.flatMap { $0.isFinite ? $0 : nil }, bound: bound)
        }
        var differences: [String] = []
        do throws(ModelToolsError) {
            let model = try folder.model()
            for (number, data) in try folder.dataSets().enumerated() {
                let fed = try InputBinding.bind(model, to: data.inputs)
                bound = fed.bound
                var options = options
                options.dims.merge(fed.emptyDimensions) { _, own in own }
                let outputs = try run(fed.model, fed.inputs, options)
                guard outputs.count == data.outputs.count else {
                    return result(.fail, "data set \(number) has \(data.outputs.count) of \(outputs.count) outputs")
                }
                for (index, expected) in data.outputs.enumerated() {
                    if let reason = comparison.difference(of: outputs[index], from: try HostTensor(expected)) {
                        differences.append("output \(index) of data set \(number) \(reason)")
                    }
                }
            }
            return result(differences.isEmpty ? .pass : .fail, differences.joined(separator: "; "))
        } catch {
            return result(error.code == .compile || error.code == .elementType ? .unsupported : .fail, error.reason)
        }
    }

    private static func run(
        _ model: ONNXModel, _ inputs: [ONNXTensor], _ options: CompileOptions
    ) throws(ModelToolsError) -> [HostTensor] {
        var tensors: [HostTensor] = []
        for input in inputs { tensors.append(try HostTensor(input)) }
        let compiled: CompiledModel
        do throws(CompileError) {
            compiled = try ModelCompiler.compile(model, options: options)
        } catch {
            throw ModelToolsError(.compile, error.description)
        }
        var session = try ModelSession(image: compiled.imageBytes)
        return try session.run(tensors)
    }
}
