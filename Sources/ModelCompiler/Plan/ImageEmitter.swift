import ModelImage

/// Writes planned steps into an image description; each operand becomes one entry of the tensor table.
struct ImageEmitter {
    private let graph: Graph
    private let offset: (ValueID) -> Int
    private var image = ImageDescription()
    private var tensors: [Key: Int] = [:]

    private struct Key: Hashable {
        let operand: Operand
        let form: ConstantForm
    }

    /// - Parameter offset: A value's place in the arena.
    init(_ graph: Graph, offset: @escaping (ValueID) -> Int) {
        self.graph = graph
        self.offset = offset
        for input in graph.inputs { image.inputs.append(add(port: input, kind: .input, name: graph[input].name)) }
        for output in graph.outputs {
            image.outputs.append(add(port: output.value, kind: .output, name: output.name))
        }
    }

    mutating func add(_ step: PlannedStep, scratch: (offset: Int, bytes: Int)) throws(CompileError) {
        var inputs: [Int?] = []
        for (slot, operand) in step.inputs.enumerated() {
            guard let operand else {
                inputs.append(nil)
                continue
            }
            inputs.append(try tensor(operand, form: step.forms[slot]))
        }
        var outputs: [Int] = []
        for output in step.outputs { outputs.append(try tensor(output, form: .plain)) }
        image.operations.append(
            ImageDescription.Step(
                step.operation, activation: step.activation, inputs: inputs, outputs: outputs,
                scratchOffset: scratch.offset,
                scratchBytes: scratch.bytes, name: Self.short(step.name)))
    }

    mutating func finish(arenaBytes: Int) throws(CompileError) -> ImageDescription {
        for (port, output) in graph.outputs.enumerated() {
            guard let extent = graph[output.value].extent else { continue }
            let index = try tensor(Operand(value: extent, shape: graph.shape(extent)), form: .plain)
            image.tensors[image.outputs[port]].extent = index
        }
        var finished = image
        finished.arenaBytes = arenaBytes
        return finished
    }

    private mutating func add(port: ValueID, kind: TensorKind, name: String) -> Int {
        let value = graph[port]
        let index = image.add(
            ImageDescription.Tensor(
                name: Self.short(name), elementType: value.elementType, kind: kind, shape: value.shape,
                arenaOffset: offset(port)))
        let key = Key(operand: Operand(value: port, shape: value.shape), form: .plain)
        if tensors[key] == nil { tensors[key] = index }
        return index
    }

    private mutating func tensor(_ operand: Operand, form: ConstantForm) throws(CompileError) -> Int {
        let key = Key(operand: operand, form: form)
        if let known = tensors[key] { return known }
        let value = graph[operand.value]
        let name = Self.short(value.name)
        let tensor: ImageDescription.Tensor
        if let constant = value.constant {
            let packed: ImageDescription.Tensor? =
                switch form {
                case .plain: WeightPacking.plain(constant.reshaped(operand.shape), name: name)
                case .dense: WeightPacking.dense(constant, name: name)
                case .convolution(let groups): WeightPacking.convolution(constant, groups: groups, name: name)
                case .depthwise: WeightPacking.depthwise(constant, name: name)
                case .integerDense: WeightPacking.integerDense(constant, name: name)
                case .integerConvolution(let window, let groups):
                    WeightPacking.integerConvolution(constant, window, groups: groups, name: name)
                case .integerDepthwise(let window): WeightPacking.integerDepthwise(constant, window, name: name)
                }
            guard let packed else { throw .invalidModel("the weights \"\(value.name)\" are of an unexpected type") }
            tensor = packed
        } else {
            tensor = ImageDescription.Tensor(
                name: name, elementType: value.elementType, kind: .intermediate, shape: operand.shape,
                arenaOffset: offset(operand.value))
        }
        let index = image.add(tensor)
        tensors[key] = index
        return index
    }

    /// Names are for people; a long one loses its beginning, which is usually the scope.
    private static func short(_ name: String) -> String {
        guard name.utf8.count > ImageLimits.nameBytes else { return name }
        var short = name
        while short.utf8.count > ImageLimits.nameBytes - 3 { short.removeFirst() }
        return "…" + short
    }
}
