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
        @Option(
            help: """
                Calibration rows: a NumPy file of float32 with one input per entry of the first axis, or an exported \
                dataset version (.tar), whose classes give the accuracy; its frames are taken as stored, so the \
                model must contain its normalisation, as `martlet model fetch` writes it.
                """)
        var data: String
        @Option(help: "The class of each row, a NumPy file of integers, to report the accuracy.") var labels: String?
        @Option(help: "The ONNX file to write.") var output: String
        @Option(help: "How ranges are chosen: range, percentile or entropy.") var method = "percentile"
        @Option(help: "Share of the numbers inside the range, 50 to 100 percent; for percentile.") var percentile =
            99.99
        @Option(
            help: "Store the weights alone in fewer bits, int8 or float16: a smaller file that computes with floats.")
        var weightsOnly: String?
        @Flag(help: "Print the report as one JSON object.") var json = false

        func run() throws {
            let method: CalibrationMethod =
                switch self.method {
                case "range": .range
                case "percentile": .percentile(percentile)
                case "entropy": .entropy
                default: throw ValidationError("--method \(self.method): write range, percentile or entropy")
                }
            let storage = try weightsOnly.map { text in
                guard let storage = WeightStorage(rawValue: text) else {
                    throw ValidationError("--weights-only \(text): write int8 or float16")
                }
                return storage
            }
            let calibration = try CalibrationRows(path: data, labels: labels)
            let quantizer = try ModelQuantizer(path: file, rows: calibration.rows)
            let labels = calibration.labels
            let quantized = try storage.map(quantizer.quantizedWeights) ?? quantizer.quantized(method)
            let report = try quantizer.report(on: quantized, labels: labels)
            try ToolFile.write(quantized.serialized(), to: output)
            if json { try LocalModel.printJSONLine(report) } else { print(report) }
        }
    }
}
