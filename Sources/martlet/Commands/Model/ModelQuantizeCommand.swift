import ArgumentParser
import Foundation
import ModelTools
import ONNXFormat

extension ModelCommand {
    /// `martlet model quantize`: a float model with int8 weights and values.
    struct Quantize: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Quantize a float ONNX file to int8 and tell what that costs.",
            discussion: """
                Weights become int8 around 0 with one scale for each filter; values become int8 with a range that the \
                calibration rows show. The result is an ONNX file with QuantizeLinear and DequantizeLinear, which \
                ONNX Runtime runs too. The report compares both models on the calibration rows, value by value.
                """)
        @Argument(help: "The float ONNX file; operator set 13 or newer, one float input.") var file: String
        @Option(help: "Calibration rows, a NumPy file of float32: one input per entry of the first axis.") var data:
            String
        @Option(help: "The class of each row, a NumPy file of integers, to report the accuracy.") var labels: String?
        @Option(help: "The ONNX file to write.") var output: String
        @Option(help: "How ranges are chosen: range, percentile or entropy.") var method = "percentile"
        @Option(help: "Share of the numbers inside the range, 50 to 100 percent; for percentile.") var percentile =
            99.99
        @Flag(help: "Quantize the weights alone: a smaller file that computes with floats.") var weightsOnly = false
        @Flag(help: "Print the report as one JSON object.") var json = false

        func run() throws {
            let method: CalibrationMethod =
                switch self.method {
                case "range": .range
                case "percentile": .percentile(percentile)
                case "entropy": .entropy
                default: throw ValidationError("--method \(self.method): write range, percentile or entropy")
                }
            let quantizer = try ModelQuantizer(path: file, rows: ToolFile.array(data))
            let labels = try labels.map { path in
                guard let labels = try ToolFile.array(path).integers else {
                    throw ValidationError("\(path) holds no integers: save the index of each row's class as int64")
                }
                return labels
            }
            let quantized = try weightsOnly ? quantizer.quantizedWeights() : quantizer.quantized(method)
            let report = try quantizer.report(on: quantized, labels: labels)
            try ToolFile.write(quantized.serialized(), to: output)
            guard json else { return print(report) }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        }
    }
}
