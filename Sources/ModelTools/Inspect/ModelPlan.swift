import EdgeRuntime
import ModelCompiler
import ModelImage

/// What a compiled model does and needs, for people: read from its image, so that it says what a device will do.
public struct ModelPlan: Codable, Hashable, Sendable {
    /// An input or output.
    public struct Port: Codable, Hashable, Sendable {
        public let name: String
        public let type: String
        public let shape: [Int]
        /// The names of classes, if the ONNX model has them; an image holds no texts.
        public let labels: [String]?
    }

    /// A tensor in the arena: where it lies, and during which steps its bytes are in use.
    public struct Allocation: Codable, Hashable, Sendable {
        public let name: String
        /// `input`, `output`, `intermediate` or `scratch`.
        public let kind: String
        public let type: String
        public let shape: [Int]
        /// Bytes from the arena's start.
        public let offset: Int
        public let bytes: Int
        /// The step that writes it; −1 for what is there before the run.
        public let firstStep: Int
        /// The last step that uses it; the number of steps for what stays after the run.
        public let lastStep: Int
    }

    /// A step of the plan.
    public struct Step: Codable, Hashable, Sendable {
        /// The ONNX node from which it came.
        public let name: String
        /// The image's operation, such as `convolution`.
        public let operation: String
        /// The function applied to the result; nil for none.
        public let activation: String?
        public let outputShape: [Int]
        public let outputType: String
        /// Bytes of the constants that it reads.
        public let weightBytes: Int
        public let scratchBytes: Int
        /// Multiplications and additions as pairs; nil where the compiler's report is missing.
        public let multiplyAdds: Int?
        /// The median of several runs on this machine; nil when none was timed.
        public var microseconds: Double?
    }

    /// What a compiler's pass changed.
    public struct Pass: Codable, Hashable, Sendable {
        public let name: String
        public let changes: Int
    }

    public let inputs: [Port]
    public let outputs: [Port]
    public internal(set) var steps: [Step]
    public let arena: [Allocation]
    /// Bytes of working memory that a run needs: known before loading.
    public let arenaBytes: Int
    /// The most bytes that are in use during one step: no plan could need less.
    public let arenaLowerBound: Int
    /// Bytes of constants.
    public let weightBytes: Int
    /// Bytes of the image file.
    public let imageBytes: Int
    /// What the compiler's passes did; empty for an image.
    public let passes: [Pass]
    /// The kernels that the times were measured with.
    public let instructionSet: String

    /// Reads a loaded model's plan, without times.
    public init(_ loaded: borrowing LoadedModel) {
        let reader = loaded.model.image
        inputs = loaded.model.inputs.map { Port($0, labels: nil) }
        let labels = loaded.report?.outputs.map(\.labels) ?? []
        outputs = loaded.model.outputs.enumerated().map { port, info in
            Port(info, labels: labels.indices.contains(port) ? labels[port] : nil)
        }
        instructionSet = loaded.model.instructionSet.name
        steps = (0..<reader.operationCount).map { Self.step($0, reader, loaded.report) }
        arena = ArenaReading(reader).allocations
        arenaBytes = reader.arenaBytes
        arenaLowerBound = ArenaReading.lowerBound(arena, steps: steps.count)
        weightBytes = (0..<reader.tensorCount).map { reader.tensor($0) }.filter { $0.kind == .constant }
            .map(\.byteCount).reduce(0, +)
        imageBytes = reader.imageBytes
        passes = loaded.report?.passes.map { Pass(name: $0.name, changes: $0.changes) } ?? []
    }

    private static func step(_ index: Int, _ reader: ImageReader, _ report: CompileReport?) -> Step {
        let record = reader.operation(index)
        let output = reader.tensor(reader.output(0, of: record))
        let constants = (0..<record.inputCount).compactMap { reader.input($0, of: record) }
            .map { reader.tensor($0) }.filter { $0.kind == .constant }
        let function = record.activation.function
        return Step(
            name: reader.operationName(index), operation: "\(record.operation.opcode)",
            activation: function == .identity ? nil : "\(function)", outputShape: output.shape.dimensions,
            outputType: "\(output.elementType)", weightBytes: constants.map(\.byteCount).reduce(0, +),
            scratchBytes: record.scratchBytes,
            multiplyAdds: report.flatMap { $0.steps.indices.contains(index) ? $0.steps[index].multiplyAdds : nil },
            microseconds: nil)
    }

    /// The sum of the steps' times; nil when none was timed.
    public var microseconds: Double? {
        let times = steps.compactMap(\.microseconds)
        return times.isEmpty ? nil : times.reduce(0, +)
    }
}

extension ModelPlan.Port {
    init(_ info: TensorInfo, labels: [String]?) {
        self.labels = labels
        name = info.name
        type = "\(info.elementType)"
        shape = info.shape
    }
}

/// Works out from an image which bytes of the arena are in use when.
struct ArenaReading {
    private(set) var allocations: [ModelPlan.Allocation] = []

    init(_ reader: ImageReader) {
        var uses: [Int: (first: Int, last: Int)] = [:]
        func use(_ tensor: Int, at step: Int) {
            let known = uses[tensor] ?? (step, step)
            uses[tensor] = (min(known.first, step), max(known.last, step))
        }
        for port in 0..<reader.inputCount { use(reader.input(port), at: -1) }
        for port in 0..<reader.outputCount { use(reader.output(port), at: reader.operationCount) }
        for index in 0..<reader.operationCount {
            let record = reader.operation(index)
            for slot in 0..<record.inputCount {
                if let tensor = reader.input(slot, of: record) { use(tensor, at: index) }
            }
            for slot in 0..<record.outputCount { use(reader.output(slot, of: record), at: index) }
        }
        for (index, steps) in uses.sorted(by: { ($0.value.first, $0.key) < ($1.value.first, $1.key) }) {
            let tensor = reader.tensor(index)
            guard tensor.kind != .constant else { continue }
            allocations.append(
                ModelPlan.Allocation(
                    name: reader.tensorName(index), kind: "\(tensor.kind)", type: "\(tensor.elementType)",
                    shape: tensor.shape.dimensions, offset: tensor.offset, bytes: tensor.byteCount,
                    firstStep: steps.first, lastStep: steps.last))
        }
        for index in 0..<reader.operationCount {
            let record = reader.operation(index)
            guard record.scratchBytes > 0 else { continue }
            allocations.append(
                ModelPlan.Allocation(
                    name: reader.operationName(index), kind: "scratch", type: "uint8", shape: [record.scratchBytes],
                    offset: record.scratchOffset, bytes: record.scratchBytes, firstStep: index, lastStep: index))
        }
    }

    /// The most bytes in use during one step; tensors that share a place count once.
    static func lowerBound(_ allocations: [ModelPlan.Allocation], steps: Int) -> Int {
        (-1...steps).map { step in
            let ranges = allocations.filter { $0.firstStep <= step && step <= $0.lastStep }
                .map { (start: $0.offset, end: $0.offset + ImageFormat.aligned($0.bytes)) }
                .sorted { $0.start < $1.start }
            var covered = 0
            var end = 0
            for range in ranges where range.end > end {
                covered += range.end - max(range.start, end)
                end = range.end
            }
            return covered
        }.max() ?? 0
    }
}
