import FleetModel

/// An inference request of the Open Inference Protocol v2, read and checked against what the model takes.
struct InferenceRequest {
    /// Frames of one request.
    static let batchLimit = 64
    /// The name of the input and of the outputs.
    static let inputName = "frame"
    static let scoresName = "scores"
    static let className = "class"

    var id: String?
    /// The application's name for the frame, for samples of it.
    var tag = ""
    /// Raw values, one run per frame.
    var frames: [[Float]] = []
    /// Outputs that are wanted, with whether as bytes.
    var outputs: [(name: String, isBinary: Bool)] = []

    /// - Parameters:
    ///   - headerLength: `Inference-Header-Content-Length`: where the JSON ends and the bytes begin.
    init(_ body: [UInt8], headerLength: Int?, input: FrameDescription) throws(HTTPError) {
        let split = headerLength ?? body.count
        guard (0...body.count).contains(split) else {
            throw HTTPError(status: 400, text: "Inference-Header-Content-Length is beyond the body")
        }
        let json: JSON
        do throws(JSONError) { json = try JSONReader.read(body[..<split]) } catch {
            throw HTTPError(status: 400, text: "\(error)")
        }
        guard case .object = json else { throw HTTPError(status: 400, text: "the request is not a JSON object") }
        id = json["id"]?.text
        tag = json["parameters"]?["tag"]?.text ?? ""
        let values = try Self.values(of: json, binary: body[split...], limit: Self.batchLimit * input.valueCount)
        guard !values.isEmpty, values.count % input.valueCount == 0 else {
            throw HTTPError(
                status: 400,
                text: "\(values.count) values; a frame has \(input.valueCount) (\(input.steps) x \(input.width))")
        }
        frames = stride(from: 0, to: values.count, by: input.valueCount).map {
            Array(values[$0..<$0 + input.valueCount])
        }
        outputs = try Self.outputs(of: json)
    }

    private static func values(
        of json: JSON, binary: ArraySlice<UInt8>, limit: Int
    ) throws(HTTPError) -> [Float] {
        guard let inputs = json["inputs"]?.list, inputs.count == 1, let input = inputs.first else {
            throw HTTPError(status: 400, text: "exactly one input is expected, '\(inputName)'")
        }
        guard let type = input["datatype"]?.text, TensorValues.byteSizes[type] != nil else {
            throw HTTPError(status: 400, text: "inputs[0].datatype must be a number type such as FP32")
        }
        guard let shape = input["shape"]?.list?.compactMap(\.integer), shape.count == input["shape"]?.list?.count,
            !shape.isEmpty, shape.allSatisfy({ $0 > 0 && $0 <= limit })
        else { throw HTTPError(status: 400, text: "inputs[0].shape must be a list of positive whole numbers") }
        let count = shape.reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
        let values: [Float]?
        if let size = input["parameters"]?["binary_data_size"]?.integer {
            guard size == binary.count else {
                throw HTTPError(
                    status: 400, text: "binary_data_size \(size), but \(binary.count) bytes follow the JSON")
            }
            values = TensorValues.read(binary, type: type)
        } else {
            guard let data = input["data"] else { throw HTTPError(status: 400, text: "inputs[0].data is missing") }
            values = TensorValues.read(data, limit: limit)
        }
        guard let values else { throw HTTPError(status: 400, text: "inputs[0].data does not hold \(type) values") }
        guard values.count == count else {
            throw HTTPError(status: 400, text: "shape \(shape) has \(count) values, the data \(values.count)")
        }
        return values
    }

    private static func outputs(of json: JSON) throws(HTTPError) -> [(name: String, isBinary: Bool)] {
        let isBinary = json["parameters"]?["binary_data_output"]?.flag ?? false
        guard let wanted = json["outputs"]?.list, !wanted.isEmpty else {
            return [(scoresName, isBinary), (className, isBinary)]
        }
        var outputs: [(name: String, isBinary: Bool)] = []
        for output in wanted {
            guard let name = output["name"]?.text, name == scoresName || name == className else {
                throw HTTPError(status: 400, text: "the outputs are '\(scoresName)' and '\(className)'")
            }
            outputs.append((name, output["parameters"]?["binary_data"]?.flag ?? isBinary))
        }
        return outputs
    }
}
