import EdgeRuntime
import ModelCompiler
import ModelImage
import ONNXFormat

/// Runs a model row by row and shows values inside of it.
struct TappedModel {
    /// The values that each of the compiled parts shows: an image has few outputs.
    private let parts: [(names: [String], image: [UInt8])]
    private let input: (name: String, shape: [Int])

    /// - Parameter values: Names of values inside the model.
    init(_ onnx: ONNXModel, showing values: [String], path: String) throws(ModelToolsError) {
        var parts: [(names: [String], image: [UInt8])] = []
        var start = 0
        repeat {
            let names = Array(values[start..<min(values.count, start + ImageLimits.ports)])
            var tapped = onnx
            if !names.isEmpty { tapped.graph.outputs = names.map { ONNXValueInfo(name: $0, type: nil) } }
            parts.append((names, try ModelFile.compile(tapped, dims: [:], path: path).imageBytes))
            start += names.count
        } while start < values.count
        self.parts = parts
        let session = try ModelSession(image: parts[0].image)
        let ports = session.model.inputs
        guard ports.count == 1, let port = ports.first, port.elementType == .float32 else {
            throw ModelToolsError(
                .option, "\(path) has \(ports.count) inputs; a model with one float input can be calibrated")
        }
        input = (port.name, port.shape)
    }

    /// Calls `body` with each value's name and floats for each row.
    ///
    /// - Parameter rows: float32; each holds a whole input.
    func run(_ rows: NPYArray, _ body: (_ row: Int, _ name: String, _ values: [Float]) -> Void) throws(ModelToolsError)
    {
        let count = input.shape.reduce(1, *)
        let floats = rows.floats
        guard rows.type == .float32, let total = rows.shape.first, total > 0, floats.count == total * count else {
            throw ModelToolsError(
                .tensor,
                "the data is \(rows.type.name) \(rows.shape); each row must be float32 for an input \(input.shape)")
        }
        for part in parts {
            var session = try ModelSession(image: part.image)
            for row in 0..<total {
                let values = Array(floats[row * count..<(row + 1) * count])
                let tensor = try HostTensor(
                    elementType: .float32, shape: input.shape, bytes: values.withUnsafeBytes { Array($0) })
                for (name, result) in zip(part.names, try session.run([tensor])) where result.elementType == .float32 {
                    body(row, name, NPYArray(type: .float32, shape: result.shape, bytes: result.bytes).floats)
                }
            }
        }
    }
}
