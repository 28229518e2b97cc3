import ModelImage
import TensorKernels

/// Steps of elementwise operations, reductions and data movement.
extension StepOperands {
    func unary(_ activation: Activation, of source: UnsafePointer<Float>) -> UnaryArguments {
        UnaryArguments(
            function: ElementFunction(rawValue: activation.function.rawValue) ?? .identity, alpha: activation.alpha,
            beta: activation.beta, input: source, result: result(), count: outputTensor.shape.elementCount)
    }

    func binary(_ function: BinaryFunction) -> Step {
        let shape = outputTensor.shape
        return .binary(
            BinaryArguments(
                function: PairFunction(rawValue: function.rawValue) ?? .add,
                loops: .broadcasting(tensor(0).shape, tensor(1).shape, over: shape, axes: shape.rank),
                first: input(0), second: input(1), result: result()))
    }

    func affine(axis: Int) -> Step {
        let shape = outputTensor.shape
        return .affine(
            AffineArguments(
                input: input(0), scale: input(1), shift: input(2), result: result(), outer: shape.product(0..<axis),
                channels: shape[axis], inner: shape.product(axis + 1..<shape.rank)))
    }

    func softmax(axis: Int, logarithmic: Bool) -> Step {
        let shape = outputTensor.shape
        return .softmax(
            SoftmaxArguments(
                input: input(0), result: result(), outer: shape.product(0..<axis), size: shape[axis],
                inner: shape.product(axis + 1..<shape.rank), logarithmic: logarithmic))
    }

    func argMax(axis: Int, smallest: Bool, last: Bool) -> Step {
        let shape = tensor(0).shape
        return .argMax(
            ArgMaxStep(
                input: input(0), result: resultAddress.assumingMemoryBound(to: Int64.self),
                outer: shape.product(0..<axis), size: shape[axis], inner: shape.product(axis + 1..<shape.rank),
                smallest: smallest, last: last))
    }

    func reduce(_ function: ReduceFunction, axes: AxisValues) -> Step {
        let shape = tensor(0).shape
        var kept = LoopNest()
        var reduced = LoopNest()
        for axis in 0..<shape.rank {
            let step = shape.product(axis + 1..<shape.rank)
            if (0..<axes.count).contains(where: { axes[$0] == axis }) {
                reduced.append(size: shape[axis], first: step)
            } else {
                kept.append(size: shape[axis], first: step)
            }
        }
        return .reduce(
            ReduceArguments(
                function: Reduction(rawValue: function.rawValue) ?? .sum, input: input(0), result: result(),
                kept: kept, reduced: reduced))
    }

    // MARK: - Data movement

    func copy() -> Step {
        let bytes = outputTensor.byteCount
        return .copyRows(
            CopyRowsStep(
                rows: 1, rowBytes: bytes, source: address(tensor(0)), sourceStride: bytes, result: resultAddress,
                resultStride: bytes))
    }

    func transpose(_ permutation: AxisValues) -> Step {
        let shape = tensor(0).shape
        var loops = LoopNest()
        for axis in 0..<shape.rank {
            let from = permutation[axis]
            loops.append(size: shape[from], first: shape.product(from + 1..<shape.rank))
        }
        return gather(loops, offset: 0)
    }

    func slice(starts: AxisValues, steps: AxisValues) -> Step {
        let shape = tensor(0).shape
        let target = outputTensor.shape
        var loops = LoopNest()
        var offset = 0
        for axis in 0..<shape.rank {
            let step = shape.product(axis + 1..<shape.rank)
            offset += starts[axis] * step
            // A dimension of one element makes no step, and the attribute may be too large to multiply.
            loops.append(size: target[axis], first: target[axis] == 1 ? 0 : steps[axis] * step)
        }
        return gather(loops, offset: offset)
    }

    private func gather(_ loops: LoopNest, offset: Int) -> Step {
        let size = outputTensor.elementType.size
        return .gather(
            GatherStep(
                loops: loops, source: address(tensor(0)) + offset * size, result: resultAddress, elementSize: size))
    }

    func concat(axis: Int) -> [Step] {
        let target = outputTensor
        let resultStride = target.shape.product(axis..<target.shape.rank) * target.elementType.size
        var steps: [Step] = []
        var offset = 0
        for slot in 0..<record.inputCount {
            let source = tensor(slot)
            let rowBytes = source.shape.product(axis..<source.shape.rank) * source.elementType.size
            steps.append(
                .copyRows(
                    CopyRowsStep(
                        rows: target.shape.product(0..<axis), rowBytes: rowBytes, source: address(source),
                        sourceStride: rowBytes, result: resultAddress + offset, resultStride: resultStride)))
            offset += rowBytes
        }
        return steps
    }

    func pad(before: AxisValues, mode: PadMode) -> Step {
        let shape = tensor(0).shape
        let target = outputTensor.shape
        var axes = InlineArray<8, PaddedAxis>(repeating: PaddedAxis(size: 1, paddedSize: 1, before: 0))
        for axis in 0..<shape.rank {
            axes[axis] = PaddedAxis(size: shape[axis], paddedSize: target[axis], before: before[axis])
        }
        return .pad(
            PadArguments(
                mode: PaddingMode(rawValue: mode.rawValue) ?? .constant, constant: record.activation.alpha,
                rank: shape.rank, axes: axes, input: input(0), result: result()))
    }
}
