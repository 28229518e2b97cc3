import ModelImage

/// An operand of a planned step: a value, seen under a shape with the same elements.
struct Operand: Hashable {
    let value: ValueID
    let shape: [Int]
}

/// How a constant operand is stored.
enum ConstantForm: Hashable {
    case plain
    case dense
    case convolution(groups: Int)
    case depthwise
    case integerDense
    case integerConvolution(Window, groups: Int)
    case integerDepthwise(Window)
}

/// A step of the image before its operands have places.
struct PlannedStep {
    var operation: Operation
    var activation: Activation
    var inputs: [Operand?]
    /// How each input is stored if it is a constant.
    var forms: [ConstantForm]
    var outputs: [Operand]
    var name: String
    /// Bytes of scratch for a portable operator.
    var scratchBytes = 0
    /// True when a portable operator's first result may take an operand's place.
    var mayRunInPlace = false

    /// The first output.
    var output: Operand {
        get { outputs[0] }
        set { outputs[0] = newValue }
    }
}

/// Turns the graph's operations, which say what is computed, into the image's, which say how.
struct KernelSelection {
    private let graph: Graph

    init(_ graph: Graph) {
        self.graph = graph
    }

    /// The step for a node; `nil` for a reshape, which is another view of the same bytes.
    func step(for node: GraphNode) throws(CompileError) -> PlannedStep? {
        var inputs: [Operand?] = []
        for input in node.inputs { inputs.append(input.map { Operand(value: $0, shape: graph.shape($0)) }) }
        var step = PlannedStep(
            operation: .copy, activation: node.activation, inputs: inputs, forms: inputs.map { _ in .plain },
            outputs: node.outputs.map { Operand(value: $0, shape: graph.shape($0)) }, name: node.name)
        switch node.operation {
        case .portable(let portable):
            step.operation = .portable(portable.opcode, words: portable.words)
            step.scratchBytes = portable.scratchBytes
            step.mayRunInPlace = portable.mayRunInPlace
        case .reshape: return nil
        case .dense:
            step.operation = .gemm
            step.forms[1] = .dense
        case .convolution(let window, let groups, _): try select(window, groups: groups, &step)
        case .pool(let function, let window, _): try select(window, function, &step)
        case .quantized(let operation): try select(operation, &step)
        default: step.operation = try direct(node)
        }
        if case .pad(_, _, _, let value) = node.operation { step.activation = Activation(.identity, alpha: value) }
        return step
    }

    /// Operations that the image has in the same form.
    private func direct(_ node: GraphNode) throws(CompileError) -> Operation {
        switch node.operation {
        case .matMul(let transposedRight): return .matMul(transposedRight: transposedRight)
        case .unary: return .unary
        case .binary(let function): return .binary(function)
        case .affine(let axis): return .affine(axis: axis)
        case .transpose(let permutation): return .transpose(try axes(permutation))
        case .concat(let axis): return .concat(axis: axis)
        case .slice(let starts, let steps, _): return .slice(starts: try axes(starts), steps: try axes(steps))
        case .pad(let before, _, let mode, _): return .pad(before: try axes(before), mode: mode)
        case .softmax(let axis, let logarithmic): return .softmax(axis: axis, logarithmic: logarithmic)
        case .reduce(let function, let reduced, _): return .reduce(function, axes: try axes(reduced))
        case .argMax(let axis, let smallest, let last, _): return .argMax(axis: axis, smallest: smallest, last: last)
        case .dense, .convolution, .pool, .reshape, .portable, .quantized: return .copy
        }
    }

    private func axes(_ values: [Int]) throws(CompileError) -> AxisValues {
        guard let axes = AxisValues(values) else {
            throw .limitExceeded("\(values) does not fit the image: rank \(ImageLimits.rank), 32 bits")
        }
        return axes
    }

    // MARK: - Windows

    private func select(_ window: SpatialWindow, groups: Int, _ step: inout PlannedStep) throws(CompileError) {
        let window = try planar(window, &step)
        let channels = step.inputs[0]?.shape[3] ?? 0
        let isDepthwise = groups > 1 && groups == channels && step.output.shape[3] == channels
        step.operation = isDepthwise ? .depthwise(window) : .convolution(window, groups: groups)
        step.forms[1] = isDepthwise ? .depthwise : .convolution(groups: groups)
    }

    private func select(
        _ window: SpatialWindow, _ function: PoolFunction, _ step: inout PlannedStep
    ) throws(CompileError) {
        let window = try planar(window, &step)
        switch function {
        case .maximum: step.operation = isFloat(step.inputs[0]) ? .maxPool(window) : .integer(.maxPool(window))
        case .average(let countsPadding): step.operation = .averagePool(window, countsPadding: countsPadding)
        }
    }

    private func isFloat(_ operand: Operand?) -> Bool {
        operand.map { graph[$0.value].elementType == .float32 } ?? true
    }

    /// The window with a height and a width; one spatial axis is the width of an image of height 1.
    func planar(_ window: SpatialWindow, _ step: inout PlannedStep) throws(CompileError) -> Window {
        func planar(_ operand: Operand) -> Operand {
            guard operand.shape.count == 3 else { return operand }
            return Operand(value: operand.value, shape: [operand.shape[0], 1] + operand.shape.dropFirst())
        }
        func pair(_ values: [Int], _ absent: Int) -> (Int, Int) {
            values.count == 1 ? (absent, values[0]) : (values[0], values[1])
        }
        guard let image = step.inputs[0], (1...2).contains(window.kernel.count) else {
            throw .limitExceeded("a window over \(window.kernel.count) spatial axes")
        }
        step.inputs[0] = planar(image)
        step.output = planar(step.output)
        // An addend has the output's shape.
        if step.inputs.count > 3, let addend = step.inputs[3] { step.inputs[3] = planar(addend) }
        let before = pair(window.padsBefore, 0)
        let after = pair(window.padsAfter, 0)
        return Window(
            kernel: pair(window.kernel, 1), stride: pair(window.strides, 1), dilation: pair(window.dilations, 1),
            pads: (before.0, before.1, after.0, after.1))
    }
}
