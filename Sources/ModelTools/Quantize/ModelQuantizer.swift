public import ONNXFormat

/// How the weights of a model that computes with floats are stored.
public enum WeightStorage: String, CaseIterable, Sendable {
    /// One byte, with one scale for each filter.
    case int8
    /// Half precision: 2 bytes.
    case float16
}

/// Quantizes a float model after its training: int8 weights around 0 with one scale for each filter, int8 values with a
/// range from calibration rows.
///
/// ```swift
/// let quantizer = try ModelQuantizer(path: "kws.onnx", rows: ToolFile.array("frames.npy"))
/// let quantized = try quantizer.quantized(.percentile(99.99))
/// print(try quantizer.report(on: quantized, labels: nil))
/// ```
public struct ModelQuantizer {
    /// Rows of calibration data, at most: they are held in memory.
    public static let rowLimit = 1_000_000

    private let path: String
    private let model: ONNXModel
    private let plan: QuantizationPlan
    private let rows: NPYArray
    private let fileBytes: Int

    /// Reads a model and prepares its quantization.
    ///
    /// - Parameters:
    ///   - path: An ONNX file with one float input, of operator set 13 or newer.
    ///   - rows: Inputs as the model will see them, float32, one per entry of the first axis.
    /// - Throws: ``ModelToolsError``.
    public init(path: String, rows: NPYArray) throws(ModelToolsError) {
        let bytes = try ToolFile.read(path)
        let onnx = try ModelFile.onnx(bytes, file: path)
        guard let version = onnx.operatorSetVersion(), version >= 13 else {
            throw ModelToolsError(
                .option,
                "\(path) is of an operator set before 13, which has no scales per filter: convert it "
                    + "(onnx.version_converter), or export it again")
        }
        guard (rows.shape.first ?? 0) <= Self.rowLimit else {
            throw ModelToolsError(.limit, "there are more than \(Self.rowLimit) calibration rows; take a sample")
        }
        if let row = Self.firstUnusable(rows) {
            throw ModelToolsError(
                .dataset, "row \(row) of the calibration data holds a number that is not finite: leave such rows out")
        }
        self.path = path
        self.rows = rows
        fileBytes = bytes.count
        model = NormalizationFolding.fold(onnx)
        plan = QuantizationPlan(model.graph)
        guard !plan.layers.isEmpty else {
            throw ModelToolsError(.option, "\(path) has no convolution, Gemm or MatMul with constant float weights")
        }
    }

    /// The number of the first row that holds a NaN or an infinity.
    private static func firstUnusable(_ rows: NPYArray) -> Int? {
        guard rows.type == .float32, let count = rows.shape.first, count > 0 else { return nil }
        let values = rows.floats
        return values.firstIndex { !$0.isFinite }.map { $0 * count / values.count }
    }

    /// The model with int8 weights and values.
    ///
    /// - Parameter method: How ranges are chosen from what the calibration rows show.
    public func quantized(_ method: CalibrationMethod) throws(ModelToolsError) -> ONNXModel {
        if case .percentile(let share) = method, !(50...100).contains(share) {
            throw ModelToolsError(.option, "a percentile of \(share) is outside 50...100")
        }
        return QuantizedGraph.write(model, plan, try scales(method))
    }

    /// The model with weights of fewer bits that become float32 when it is compiled: a smaller file, float kernels.
    /// Weights that half precision cannot hold stay as they are.
    public func quantizedWeights(as storage: WeightStorage) -> ONNXModel {
        QuantizedGraph.writeWeights(model, plan, as: storage)
    }

    // MARK: - Calibration

    private func scales(_ method: CalibrationMethod) throws(ModelToolsError) -> [String: ByteScale] {
        let measured = plan.values.filter { plan.sameAs[$0] == nil }
        let inputs = Set(model.graph.inputs.map(\.name))
        let tapped = try TappedModel(model, showing: measured.filter { !inputs.contains($0) }, path: path)
        var bounds: [String: (low: Float, high: Float)] = [:]
        try tapped.run(rows) { _, name, values in
            for value in values where value.isFinite {
                let old = bounds[name] ?? (0, 0)
                bounds[name] = (min(old.low, value), max(old.high, value))
            }
        }
        var histograms = bounds.mapValues { ValueHistogram(low: $0.low, high: $0.high) }
        if method != .range { try tapped.run(rows) { _, name, values in histograms[name]?.add(values) } }
        for name in measured where inputs.contains(name) {
            let values = rows.floats.filter(\.isFinite)
            var histogram = ValueHistogram(low: min(0, values.min() ?? 0), high: max(0, values.max() ?? 0))
            histogram.add(values)
            histograms[name] = histogram
        }
        var scales = histograms.mapValues { ByteScale(method.range($0)) }
        for value in plan.values where plan.sameAs[value] != nil {
            var source = value
            while let next = plan.sameAs[source] { source = next }
            scales[value] = scales[source]
        }
        return scales
    }

    // MARK: - Report

    /// Runs both models over the calibration rows.
    ///
    /// - Parameter labels: The class of each row, to tell the accuracy; nil if it is not known.
    public func report(on quantized: ONNXModel, labels: [Int]?) throws(ModelToolsError) -> QuantizationReport {
        let count = rows.shape.first ?? 0
        if let labels, labels.count != count {
            throw ModelToolsError(.tensor, "there are \(labels.count) labels for \(count) rows")
        }
        let outputs = model.graph.outputs.map(\.name)
        let inputs = Set(model.graph.inputs.map(\.name))
        let layers = plan.values.filter { !inputs.contains($0) && !outputs.contains($0) }
        var comparison = ValueComparison()
        var (alike, right) = (0, (float: 0, quantized: 0))
        for name in layers + outputs {
            // One value at a time: all values of all rows at once might not fit into memory.
            var expected: [[Float]] = []
            try TappedModel(model, showing: [name], path: path).run(rows) { _, _, values in expected.append(values) }
            guard expected.count == count else { continue }
            try TappedModel(quantized, showing: [name], path: path).run(rows) { row, _, values in
                comparison.add(name, expected[row], values)
                guard name == outputs.first else { return }
                let (one, other) = (Replay.best(expected[row]), Replay.best(values))
                alike += one == other ? 1 : 0
                right.float += labels?[row] == one ? 1 : 0
                right.quantized += labels?[row] == other ? 1 : 0
            }
        }
        func share(_ part: Int) -> Double { count == 0 ? 1 : Double(part) / Double(count) }
        return QuantizationReport(
            layers: layers.map { comparison.value($0) }, outputs: outputs.map { comparison.value($0) }, rows: count,
            agreement: share(alike), floatAccuracy: labels.map { _ in share(right.float) },
            quantizedAccuracy: labels.map { _ in share(right.quantized) }, floatBytes: fileBytes,
            quantizedBytes: quantized.serialized().count)
    }
}
