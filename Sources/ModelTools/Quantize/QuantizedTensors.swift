import ONNXFormat

/// Scale and zero point of int8 values: `real = scale · (stored − zeroPoint)`.
struct ByteScale: Equatable {
    let scale: Float
    let zeroPoint: Int8

    /// 256 steps over a range that contains 0.
    init(_ range: ClosedRange<Float>) {
        let width = range.upperBound - range.lowerBound
        scale = width > 0 && width.isFinite ? max(width / 255, .leastNormalMagnitude) : 1
        zeroPoint = Int8(max(-128, min(127, (-128 - range.lowerBound / scale).rounded(.toNearestOrEven))))
    }
}

/// Weights as int8 around 0, one scale for each filter.
struct QuantizedWeights {
    let stored: [Int8]
    let scales: [Float]

    /// - Parameters:
    ///   - axis: The axis along which the filters lie.
    ///   - biases: One per filter, and the input's scale: a filter's scale is made so large that its bias fits int32.
    init(_ values: [Float], shape: [Int], axis: Int, biases: [Float]?, inputScale: Float) {
        let filters = shape[axis]
        let inner = shape[(axis + 1)...].reduce(1, *)
        var largest = [Float](repeating: 0, count: filters)
        for (index, value) in values.enumerated() {
            let filter = index / inner % filters
            largest[filter] = max(largest[filter], value.magnitude)
        }
        let scales = largest.enumerated().map { filter, largest -> Float in
            let bias = biases.map { $0[filter].magnitude } ?? 0
            let scale = max(largest / 127, bias / (inputScale * 0x1p30), .leastNormalMagnitude)
            return scale.isFinite ? scale : 1
        }
        self.scales = scales
        stored = values.enumerated().map { index, value in
            Int8(max(-127, min(127, (value / scales[index / inner % filters]).rounded(.toNearestOrEven))))
        }
    }
}

extension ONNXTensor {
    /// An int8 tensor in row-major order.
    init(name: String, dims: [Int], int8s: [Int8]) {
        self.init(
            name: name, elementType: .int8, dims: dims, content: .raw(int8s.map { UInt8(bitPattern: $0) }))
    }
}

/// The constants of a graph by name: initializers, and what `Constant` nodes hold.
struct GraphConstants {
    private var tensors: [String: ONNXTensor] = [:]

    init(_ graph: ONNXGraph) {
        for tensor in graph.initializers { tensors[tensor.name] = tensor }
        for node in graph.nodes where node.operatorType == "Constant" {
            if case .tensor(let tensor)? = node.attribute("value"), let name = node.outputs.first {
                tensors[name] = tensor
            }
        }
    }

    subscript(_ name: String) -> ONNXTensor? { tensors[name] }

    /// The floats of a float32 constant.
    func floats(_ name: String?) -> [Float]? {
        guard let name, let tensor = tensors[name], tensor.elementType == .float else { return nil }
        return try? tensor.floats()
    }
}
