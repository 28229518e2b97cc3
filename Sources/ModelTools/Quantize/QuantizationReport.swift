import Foundation

/// What quantizing a model has cost in accuracy.
public struct QuantizationReport: Codable, Hashable, Sendable {
    /// The error of one value inside the model.
    public struct Value: Codable, Hashable, Sendable {
        /// The value's name in the float model.
        public let name: String
        /// The largest difference to the float model.
        public let maxError: Float
        /// The signal's energy by the error's, in decibel; nil without an error.
        public let signalToNoise: Double?

        enum CodingKeys: String, CodingKey {
            case name
            case maxError = "max_error"
            case signalToNoise = "signal_to_noise_db"
        }
    }

    /// Values inside the model, in the order in which they are computed.
    public let layers: [Value]
    /// The model's outputs.
    public let outputs: [Value]
    /// Rows that were run.
    public let rows: Int
    /// Share of the rows whose largest score both models give to the same class, 0...1.
    public let agreement: Double
    /// Shares of the rows whose label the models answer; nil without labels.
    public let floatAccuracy: Double?
    public let quantizedAccuracy: Double?
    /// Bytes of the ONNX files.
    public let floatBytes: Int
    public let quantizedBytes: Int

    enum CodingKeys: String, CodingKey {
        case layers, outputs, rows, agreement
        case floatAccuracy = "float_accuracy"
        case quantizedAccuracy = "quantized_accuracy"
        case floatBytes = "float_bytes"
        case quantizedBytes = "quantized_bytes"
    }
}

extension QuantizationReport: CustomStringConvertible {
    public var description: String {
        func text(_ value: Value) -> [String] {
            [
                value.name, String(format: "%.4g", value.maxError),
                value.signalToNoise.map { String(format: "%.1f dB", $0) } ?? "exact",
            ]
        }
        var lines = PlanTable.text([["value", "max error", "signal to noise"]] + layers.map(text))
        lines += [""] + PlanTable.text([["output", "max error", "signal to noise"]] + outputs.map(text))
        lines.append("")
        lines.append("\(rows) rows, largest score alike in \(String(format: "%.2f", agreement * 100)) % of them")
        if let floatAccuracy, let quantizedAccuracy {
            lines.append(
                String(format: "accuracy %.2f %% → %.2f %%", floatAccuracy * 100, quantizedAccuracy * 100))
        }
        lines.append("ONNX file \(floatBytes) → \(quantizedBytes) bytes")
        return lines.joined(separator: "\n")
    }
}

/// Compares two models' values as they come.
struct ValueComparison {
    private var signal: [String: Double] = [:]
    private var noise: [String: Double] = [:]
    private var largest: [String: Float] = [:]

    mutating func add(_ name: String, _ expected: [Float], _ found: [Float]) {
        for (one, other) in zip(expected, found) {
            signal[name, default: 0] += Double(one) * Double(one)
            noise[name, default: 0] += Double(one - other) * Double(one - other)
            largest[name] = max(largest[name] ?? 0, (one - other).magnitude)
        }
    }

    func value(_ name: String) -> QuantizationReport.Value {
        let error = noise[name] ?? 0
        return QuantizationReport.Value(
            name: name, maxError: largest[name] ?? 0,
            signalToNoise: error > 0 ? 10 * log10(max(signal[name] ?? 0, 1e-30) / error) : nil)
    }
}
