import ModelCompiler
import ModelImage
import ONNXFormat

/// What `martlet model inspect` shows of a file: the operators of an ONNX model, the plan that it compiles to, or every
/// reason why it does not.
public struct ModelInspection: Codable, Hashable, Sendable {
    /// How often an operator stands in an ONNX model.
    public struct OperatorCount: Codable, Hashable, Sendable {
        /// The operator, with its domain unless that is ONNX's own.
        public let name: String
        /// The version of the operator set.
        public let version: Int
        public let count: Int
    }

    /// A node that cannot be compiled.
    public struct Unsupported: Codable, Hashable, Sendable {
        public let node: String
        public let operatorType: String
        public let version: Int
        public let reason: String
        public let help: String
    }

    /// `onnx` or `image`.
    public let format: String
    /// The operators of an ONNX model, most frequent first.
    public let operators: [OperatorCount]
    /// Every node that cannot be compiled.
    public let unsupported: [Unsupported]
    /// Another reason why there is no plan, such as an open dimension.
    public let refusal: String?
    /// The plan; nil when the model cannot be compiled.
    public let plan: ModelPlan?

    /// Inspects a file.
    ///
    /// - Parameters:
    ///   - path: An ONNX model or an image.
    ///   - dims: Extents of open dimensions.
    ///   - times: True to run the plan some times and measure each step.
    /// - Throws: ``ModelToolsError`` when the file is neither, or a damaged image.
    public init(path: String, dims: [String: Int], times: Bool) throws(ModelToolsError) {
        let bytes = try ToolFile.read(path)
        guard !ModelFile.isImage(bytes) else {
            var loaded = try LoadedModel(path: path, dims: dims)
            format = "image"
            operators = []
            unsupported = []
            refusal = nil
            plan = Self.plan(&loaded, times: times)
            return
        }
        let onnx = try ModelFile.onnx(bytes, file: path)
        format = "onnx"
        operators = Self.operators(of: onnx)
        switch Self.compile(onnx, dims: dims, times: times) {
        case .success(let made): (plan, unsupported, refusal) = (made, [], nil)
        case .failure(.unsupported(let nodes)): (plan, unsupported, refusal) = (nil, nodes.map(Unsupported.init), nil)
        case .failure(let error): (plan, unsupported, refusal) = (nil, [], "\(error)")
        }
    }

    private static func compile(
        _ onnx: ONNXModel, dims: [String: Int], times: Bool
    ) -> Result<ModelPlan, CompileError> {
        do throws(CompileError) {
            let compiled = try ModelCompiler.compile(onnx, options: CompileOptions(dims: dims))
            return .success(try plan(compiled, times: times))
        } catch {
            return .failure(error)
        }
    }

    /// A compiled image that does not load is the compiler's fault, told as such.
    private static func plan(_ compiled: CompiledModel, times: Bool) throws(CompileError) -> ModelPlan {
        do throws(ModelToolsError) {
            var loaded = try LoadedModel(image: compiled.imageBytes, report: compiled.report)
            return plan(&loaded, times: times)
        } catch {
            throw .image(error.reason)
        }
    }

    private static func plan(_ loaded: inout LoadedModel, times: Bool) -> ModelPlan {
        var plan = ModelPlan(loaded)
        if times { PlanTiming.measure(&plan, &loaded) }
        return plan
    }

    private static func operators(of onnx: ONNXModel) -> [OperatorCount] {
        var counts: [String: (version: Int, count: Int)] = [:]
        for node in onnx.graph.nodes {
            let isStandard = node.domain.isEmpty || node.domain == "ai.onnx"
            let name = isStandard ? node.operatorType : "\(node.domain).\(node.operatorType)"
            let version = Int(onnx.operatorSetVersion(domain: node.domain) ?? 0)
            counts[name] = (version, (counts[name]?.count ?? 0) + 1)
        }
        return counts.map { OperatorCount(name: $0, version: $1.version, count: $1.count) }
            .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    }
}

extension ModelInspection.Unsupported {
    init(_ node: UnsupportedNode) {
        self.node = node.name
        operatorType = node.operatorType
        version = node.version
        reason = node.reason
        help = node.help
    }
}

// MARK: - For a terminal

extension ModelInspection: CustomStringConvertible {
    public var description: String {
        var lines: [String] = []
        if !operators.isEmpty {
            lines.append(
                "operators  " + operators.map { "\($0.count) × \($0.name)-\($0.version)" }.joined(separator: ", "))
        }
        for node in unsupported {
            lines.append(
                "unsupported  \(node.operatorType)-\(node.version) \"\(node.node)\": \(node.reason); \(node.help)")
        }
        if let refusal { lines.append("refused  \(refusal)") }
        if let plan { lines.append(plan.description) }
        return lines.joined(separator: "\n")
    }
}

extension ModelPlan: CustomStringConvertible {
    /// Ports, steps with their times, the arena with its lifetimes, and the sums.
    public var description: String {
        var lines = inputs.map { "input      \($0.name): \($0.type) \($0.shape)" }
        lines += outputs.map { port in
            let labels = port.labels.map { " of " + $0.joined(separator: ", ") } ?? ""
            return "output     \(port.name): \(port.type) \(port.shape)\(labels)"
        }
        lines.append(contentsOf: PlanTable.text(stepRows))
        lines.append("")
        lines.append(contentsOf: PlanTable.text(arenaRows))
        lines.append("")
        let changed = passes.filter { $0.changes > 0 }
        if !changed.isEmpty {
            lines.append("passes     " + changed.map { "\($0.name) \($0.changes)" }.joined(separator: ", "))
        }
        lines.append("arena      \(arenaBytes) bytes; at most \(arenaLowerBound) are in use at once")
        lines.append("weights    \(weightBytes) bytes of an image of \(imageBytes)")
        if let microseconds {
            lines.append("time       \(PlanTable.number(microseconds)) µs, summed over the steps (\(instructionSet))")
        }
        return lines.joined(separator: "\n")
    }

    private var stepRows: [[String]] {
        [["step", "operation", "output", "multiply-adds", "weights", "µs", "node"]]
            + steps.enumerated().map { index, step in
                [
                    "\(index)", step.operation + (step.activation.map { "+\($0)" } ?? ""),
                    "\(step.outputType) \(step.outputShape)", step.multiplyAdds.map { "\($0)" } ?? "-",
                    "\(step.weightBytes)", step.microseconds.map(PlanTable.number) ?? "-", step.name,
                ]
            }
    }

    private var arenaRows: [[String]] {
        [["arena", "bytes", "steps", "kind", "tensor"]]
            + arena.map { place in
                [
                    "\(place.offset)", "\(place.bytes)",
                    (place.firstStep < 0 ? "start" : "\(place.firstStep)") + "–"
                        + (place.lastStep >= steps.count ? "end" : "\(place.lastStep)"),
                    place.kind, place.name,
                ]
            }
    }
}

/// Columns of text.
enum PlanTable {
    static func text(_ rows: [[String]]) -> [String] {
        guard let columns = rows.first?.count else { return [] }
        let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < columns - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
            }
            return line
        }
    }

    /// Two digits behind the point.
    static func number(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}
