import ModelImage
import TensorKernels

/// Steps of dense layers, matrix products, convolutions and pools.
extension StepOperands {
    func gemm() -> Step {
        let weights = tensor(1).shape
        return .gemm(
            GemmArguments(
                left: input(0), leftStride: weights[0], panels: input(1), bias: optionalInput(2),
                addend: optionalInput(3), result: result(), resultStride: weights[1],
                rows: outputTensor.shape.elementCount / weights[1], inner: weights[0], columns: weights[1],
                clamp: clamp))
    }

    func matMul(transposedRight: Bool) -> Step {
        let left = tensor(0).shape
        let right = tensor(1).shape
        let shape = outputTensor.shape
        let rows = shape[shape.rank - 2]
        let columns = shape[shape.rank - 1]
        let inner = left[left.rank - 1]
        let product = GemmArguments(
            left: input(0), leftStride: inner, panels: UnsafePointer(scratch), bias: nil, result: result(),
            resultStride: columns, rows: rows, inner: inner, columns: columns, clamp: clamp)
        let batches = LoopNest.broadcasting(
            left, right, over: shape, axes: shape.rank - 2, firstUnit: rows * inner, secondUnit: inner * columns)
        return .matMul(
            MatMulStep(
                product: product, panels: scratch, right: input(1), rightRowStride: transposedRight ? 1 : columns,
                rightColumnStride: transposedRight ? inner : 1, batches: batches))
    }

    func convolution(_ window: Window, groups: Int) -> Step {
        .convolution(
            ConvolutionArguments(
                window: sliding(window), groups: groups, filters: outputTensor.shape[3], input: input(0),
                panels: input(1), bias: optionalInput(2), addend: optionalInput(3), result: result(), scratch: scratch,
                clamp: clamp))
    }

    func depthwise(_ window: Window) -> Step {
        .depthwise(
            DepthwiseArguments(
                window: sliding(window), input: input(0), panels: input(1), bias: optionalInput(2), result: result(),
                clamp: clamp))
    }

    func pool(_ window: Window, _ kind: PoolKind) -> Step {
        .pool(PoolArguments(window: sliding(window), kind: kind, input: input(0), result: result()))
    }

    func sliding(_ window: Window) -> SlidingWindow {
        let source = tensor(0).shape
        let target = outputTensor.shape
        var sliding = SlidingWindow()
        sliding.batch = source[0]
        sliding.inputHeight = source[1]
        sliding.inputWidth = source[2]
        sliding.channels = source[3]
        sliding.outputHeight = target[1]
        sliding.outputWidth = target[2]
        sliding.kernelHeight = window.kernelHeight
        sliding.kernelWidth = window.kernelWidth
        sliding.strideHeight = window.strideHeight
        sliding.strideWidth = window.strideWidth
        sliding.dilationHeight = window.dilationHeight
        sliding.dilationWidth = window.dilationWidth
        sliding.padTop = window.padTop
        sliding.padLeft = window.padLeft
        sliding.padBottom = window.padBottom
        sliding.padRight = window.padRight
        return sliding
    }
}

extension LoopNest {
    /// Loops over the first `axes` dimensions of `shape`, to which `first` and `second` broadcast. What lies behind
    /// those dimensions is one unit of `firstUnit` and `secondUnit` elements.
    static func broadcasting(
        _ first: Shape, _ second: Shape, over shape: Shape, axes: Int, firstUnit: Int = 1, secondUnit: Int = 1
    ) -> LoopNest {
        var firstSteps = InlineArray<8, Int>(repeating: 0)
        var secondSteps = InlineArray<8, Int>(repeating: 0)
        var firstStep = firstUnit
        var secondStep = secondUnit
        for axis in (0..<axes).reversed() {
            let one = axis - (shape.rank - first.rank)
            let other = axis - (shape.rank - second.rank)
            if one >= 0, first[one] != 1 {
                firstSteps[axis] = firstStep
                firstStep *= first[one]
            }
            if other >= 0, second[other] != 1 {
                secondSteps[axis] = secondStep
                secondStep *= second[other]
            }
        }
        var nest = LoopNest()
        for axis in 0..<axes { nest.append(size: shape[axis], first: firstSteps[axis], second: secondSteps[axis]) }
        return nest
    }
}
