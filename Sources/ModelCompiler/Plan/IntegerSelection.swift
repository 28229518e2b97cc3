import ModelImage

/// Operations on bytes: how the image computes what the graph says.
extension KernelSelection {
    func select(_ operation: QuantizedOperation, _ step: inout PlannedStep) throws(CompileError) {
        switch operation {
        case .quantize(_, let axis): step.operation = .integer(.quantize(axis: axis))
        case .dequantize(let axis): step.operation = .integer(.dequantize(axis: axis))
        case .lookup: step.operation = .integer(.lookup)
        case .dense(_, let range):
            step.operation = .integer(.gemm(range))
            step.forms[1] = .integerDense
        case .convolution(let spatial, let groups, _, let zeroPoint, _, let range):
            let window = try planar(spatial, &step)
            let channels = step.inputs[0]?.shape[3] ?? 0
            if groups > 1, groups == channels, step.output.shape[3] == channels {
                step.operation = .integer(.depthwise(window, inputZeroPoint: zeroPoint, range))
                step.forms[1] = .integerDepthwise(window)
            } else {
                step.operation = .integer(
                    .convolution(window, groups: groups, inputZeroPoint: zeroPoint, range))
                step.forms[1] = .integerConvolution(window, groups: groups)
            }
        case .binary(let arithmetic, _, let range):
            step.operation = .integer(.binary(arithmetic, range))
        case .averagePool(let spatial, _, let average, _, let range):
            step.operation = .integer(.averagePool(try planar(spatial, &step), average, range))
        }
    }
}
