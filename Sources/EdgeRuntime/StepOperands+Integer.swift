import ModelImage
import TensorKernels

/// Steps of operations on bytes.
extension StepOperands {
    func integer(_ operation: IntegerOperation) -> Step {
        switch operation {
        case .quantize(let axis): .quantize(quantization(axis: axis, floats: tensor(0), bytes: outputTensor))
        case .dequantize(let axis): .dequantize(quantization(axis: axis, floats: outputTensor, bytes: tensor(0)))
        case .gemm(let range): .integerConvolution(integerGemm(operation, range))
        case .convolution(let window, let groups, let zeroPoint, let range):
            .integerConvolution(
                integerConvolution(operation, sliding(window), groups: groups, zeroPoint: zeroPoint, range))
        case .depthwise(let window, let zeroPoint, let range):
            .integerDepthwise(
                integerConvolution(
                    operation, sliding(window), groups: tensor(0).shape[3], zeroPoint: zeroPoint, range))
        case .binary(let arithmetic, let range): integerBinary(arithmetic, range)
        case .averagePool(let window, let average, let range):
            .integerPool(
                IntegerPoolArguments(
                    window: sliding(window), kind: average.countsPadding ? .averageWithPadding : .average,
                    input: byteInput(0, zeroPoint: average.zeroPoint), result: resultAddress, scale: average.scale,
                    resultScale: average.resultScale, requantization: Requantization(range)))
        case .maxPool(let window):
            .integerPool(
                IntegerPoolArguments(
                    window: sliding(window), kind: .maximum, input: byteInput(0, zeroPoint: 0), result: resultAddress,
                    scale: 1, resultScale: 1, requantization: Requantization(zeroPoint: 0, low: 0, high: 0)))
        case .lookup:
            .lookup(
                LookupArguments(
                    input: byteInput(0, zeroPoint: 0), table: address(tensor(1)), result: resultAddress,
                    count: outputTensor.shape.elementCount))
        }
    }

    private func byteInput(_ slot: Int, zeroPoint: Int) -> ByteInput {
        let tensor = tensor(slot)
        return ByteInput(
            bytes: address(tensor), isSigned: tensor.elementType == .int8,
            zeroPoint: Int32(truncatingIfNeeded: zeroPoint))
    }

    private func numbers(_ slot: Int) -> UnsafePointer<Int32> {
        address(tensor(slot)).assumingMemoryBound(to: Int32.self)
    }

    /// A dense layer is a pointwise convolution over one row of pixels.
    private func integerGemm(_ operation: IntegerOperation, _ range: ByteRange) -> IntegerConvolutionArguments {
        let shape = tensor(0).shape
        let inner = shape[shape.rank - 1]
        var window = SlidingWindow()
        window.inputWidth = shape.elementCount / inner
        window.outputWidth = window.inputWidth
        window.channels = inner
        return integerConvolution(operation, window, groups: 1, zeroPoint: 0, range)
    }

    private func integerConvolution(
        _ operation: IntegerOperation, _ window: SlidingWindow, groups: Int, zeroPoint: Int, _ range: ByteRange
    ) -> IntegerConvolutionArguments {
        let target = outputTensor.shape
        return IntegerConvolutionArguments(
            window: window, groups: groups, filters: target[target.rank - 1],
            input: byteInput(0, zeroPoint: zeroPoint),
            panels: address(tensor(1)).assumingMemoryBound(to: Int8.self), bias: numbers(2), multipliers: input(3),
            result: resultAddress,
            scratch: (arena + record.scratchOffset).assumingMemoryBound(to: Int16.self),
            bandRows: operation.bandRows(input: tensor(0).shape, output: target),
            requantization: Requantization(range))
    }

    private func integerBinary(_ arithmetic: ByteArithmetic, _ range: ByteRange) -> Step {
        let target = outputTensor.shape
        return .integerBinary(
            IntegerBinaryArguments(
                function: IntegerPairFunction(rawValue: arithmetic.function.rawValue) ?? .add,
                loops: .broadcasting(tensor(0).shape, tensor(1).shape, over: target, axes: target.rank),
                first: byteInput(0, zeroPoint: arithmetic.firstZeroPoint),
                second: byteInput(1, zeroPoint: arithmetic.secondZeroPoint), firstScale: arithmetic.firstScale,
                secondScale: arithmetic.secondScale, resultScale: arithmetic.resultScale, result: resultAddress,
                requantization: Requantization(range)))
    }

    private func quantization(axis: Int, floats: TensorRecord, bytes: TensorRecord) -> QuantizeArguments {
        let shape = bytes.shape
        let isSingle = tensor(1).shape[0] == 1
        return QuantizeArguments(
            floats: UnsafeMutableRawPointer(mutating: address(floats)).assumingMemoryBound(to: Float.self),
            bytes: UnsafeMutableRawPointer(mutating: address(bytes)), isSigned: bytes.elementType == .int8,
            scales: input(1), zeroPoints: numbers(2), outer: isSingle ? 1 : shape.product(0..<axis),
            channels: isSingle ? 1 : shape[axis],
            inner: isSingle ? shape.elementCount : shape.product(axis + 1..<shape.rank))
    }
}

extension Requantization {
    init(_ range: ByteRange) {
        self.init(
            zeroPoint: Int32(truncatingIfNeeded: range.zeroPoint), low: Int32(truncatingIfNeeded: range.low),
            high: Int32(truncatingIfNeeded: range.high))
    }
}
