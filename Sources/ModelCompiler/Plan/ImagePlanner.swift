import ModelImage

/// Lays out the image of a finished graph: steps, places in the arena, packed weights.
struct ImagePlanner {
    private let graph: Graph
    private var steps: [PlannedStep] = []
    private var storage: StorageClasses

    /// What was planned, for the report.
    struct Result {
        var image: ImageDescription
        var steps: [PlannedStep]
        var arena: [ArenaItem]
    }

    static func plan(_ graph: Graph) throws(CompileError) -> Result {
        var planner = ImagePlanner(graph)
        return try planner.run()
    }

    private init(_ graph: Graph) {
        var graph = graph
        Self.separateOutputs(&graph)
        self.graph = graph
        storage = StorageClasses(count: graph.values.count)
    }

    /// An output that is an input, a constant or another output gets a copy of its own: the caller owns both places.
    private static func separateOutputs(_ graph: inout Graph) {
        var taken = Set(graph.inputs)
        for index in graph.outputs.indices where !graph.shape(graph.outputs[index].value).contains(0) {
            let value = graph.outputs[index].value
            guard !taken.insert(value).inserted || graph.constant(value) != nil else { continue }
            let name = graph.outputs[index].name
            let copy = graph.addValue(
                GraphValue(
                    name: name, elementType: graph[value].elementType, shape: graph.shape(value), constant: nil))
            graph.nodes.append(
                GraphNode(
                    operation: .reshape(graph.shape(value)), activation: .none, inputs: [value], output: copy,
                    name: name))
            graph.outputs[index].value = copy
            taken.insert(copy)
        }
    }

    private mutating func run() throws(CompileError) -> Result {
        let selection = KernelSelection(graph)
        for node in graph.nodes {
            if let step = try selection.step(for: node) {
                steps.append(step)
            } else if case let source?? = node.inputs.first {
                share(source, node)
            }
        }
        shareInPlace()
        return try layOut()
    }

    // MARK: - Storage

    /// A reshape shares its operand's bytes; where it cannot, it becomes a copy.
    private mutating func share(_ source: ValueID, _ node: GraphNode) {
        let holdsPort =
            graph.inputs.contains { storage.same($0, source) }
            || graph.outputs.contains { storage.same($0.value, source) }
        guard graph.constant(source) != nil || (holdsPort && graph.isOutput(node.output)) else {
            return storage.merge(node.output, source)
        }
        steps.append(
            PlannedStep(
                operation: .copy, activation: .none, inputs: [Operand(value: source, shape: graph.shape(source))],
                forms: [.plain], outputs: [Operand(value: node.output, shape: graph.shape(node.output))],
                name: node.name))
    }

    /// Lets an elementwise step write over an operand that nobody reads afterwards.
    private mutating func shareInPlace() {
        var lastUse: [Int: Int] = [:]
        for (index, step) in steps.enumerated() {
            for case let operand? in step.inputs + step.outputs { lastUse[storage.root(operand.value)] = index }
        }
        for output in graph.outputs { lastUse[storage.root(output.value)] = steps.count }
        for (index, step) in steps.enumerated() {
            for (slot, operand) in step.inputs.enumerated() {
                guard let operand, mayOverwrite(step, slot), operand.shape == step.output.shape,
                    graph.constant(operand.value) == nil,
                    graph[operand.value].elementType == graph[step.output.value].elementType,
                    lastUse[storage.root(operand.value)] == index, !overlapsOther(step, slot)
                else { continue }
                let outlives = lastUse[storage.root(step.output.value)]
                storage.merge(step.output.value, operand.value)
                lastUse[storage.root(operand.value)] = outlives
                break
            }
        }
    }

    private func mayOverwrite(_ step: PlannedStep, _ slot: Int) -> Bool {
        switch step.operation {
        case .portable: step.mayRunInPlace
        case .unary, .binary, .softmax: true
        case .affine, .integer(.lookup): slot == 0
        default: false
        }
    }

    /// True when another operand of the step shares the bytes under another shape.
    private func overlapsOther(_ step: PlannedStep, _ slot: Int) -> Bool {
        guard let operand = step.inputs[slot] else { return false }
        return step.inputs.contains { other in
            other.map { storage.same($0.value, operand.value) && $0.shape != operand.shape } ?? false
        }
    }

    // MARK: - Layout

    private func layOut() throws(CompileError) -> Result {
        var lifetimes = Lifetimes(graph, steps, storage)
        var scratch: [Int?] = []
        for (index, step) in steps.enumerated() {
            let right = step.inputs.count > 1 ? step.inputs[1].flatMap { Shape(Self.packedShape(step, $0)) } : nil
            let left = step.inputs.first.flatMap { $0.flatMap { Shape($0.shape) } }
            guard
                let bytes = step.operation.scratchBytes(left: left, right: right, output: Shape(step.outputs[0].shape))
                    .map({ max($0, step.scratchBytes) })
            else {
                throw .limitExceeded("step \(step.name) needs more scratch than ImageLimits.arenaBytes")
            }
            scratch.append(bytes > 0 ? lifetimes.addScratch(bytes, step: index) : nil)
        }
        let plan = ArenaPlanner.plan(lifetimes.items)
        guard plan.bytes <= ImageLimits.arenaBytes else {
            throw .limitExceeded("the arena needs \(plan.bytes) bytes, more than ImageLimits.arenaBytes")
        }
        var emitter = ImageEmitter(graph) { value in lifetimes.item(of: value).map { plan.offsets[$0] } ?? 0 }
        for (index, step) in steps.enumerated() {
            let place = scratch[index].map { (plan.offsets[$0], lifetimes.items[$0].bytes) } ?? (0, 0)
            try emitter.add(step, scratch: place)
        }
        return Result(image: try emitter.finish(arenaBytes: plan.bytes), steps: steps, arena: lifetimes.items)
    }

    /// The shape of a second operand as the image has it: weights are packed into matrices.
    static func packedShape(_ step: PlannedStep, _ operand: Operand) -> [Int] {
        let shape = operand.shape
        switch step.forms[1] {
        case .plain, .dense: return shape
        case .integerDense: return [1, PairLayout.even(shape[0]), shape[1]]
        case .integerConvolution(let window, let groups):
            let rows = IntegerOperation.weightRows(window, groups: groups, channels: shape[1] * groups)
            return [groups, rows, shape[0] / groups]
        case .integerDepthwise(let window): return [1, IntegerOperation.depthwiseRows(window), shape[0]]
        case .depthwise: return [shape.dropFirst(2).reduce(1, *), shape[0]]
        case .convolution(let groups):
            return [groups, shape.dropFirst(1).reduce(1, *), shape[0] / groups]
        }
    }
}

/// Which values share their bytes: a union-find over the graph's values.
struct StorageClasses {
    private var parents: [Int]

    init(count: Int) {
        parents = Array(0..<count)
    }

    func root(_ value: ValueID) -> Int {
        var index = value.index
        while parents[index] != index { index = parents[index] }
        return index
    }

    func same(_ one: ValueID, _ other: ValueID) -> Bool { root(one) == root(other) }

    mutating func merge(_ value: ValueID, _ other: ValueID) {
        parents[root(value)] = root(other)
    }
}

/// From when to when each storage is needed.
struct Lifetimes {
    private(set) var items: [ArenaItem] = []
    private var itemOfRoot: [Int: Int] = [:]
    private let storage: StorageClasses

    init(_ graph: Graph, _ steps: [PlannedStep], _ storage: StorageClasses) {
        self.storage = storage
        var ranges: [Int: (first: Int, last: Int, bytes: Int)] = [:]
        func use(_ value: ValueID, at step: Int) {
            guard graph.constant(value) == nil else { return }
            let bytes = graph.shape(value).reduce(1, *) * graph[value].elementType.size
            let old = ranges[storage.root(value)] ?? (step, step, bytes)
            ranges[storage.root(value)] = (min(old.first, step), max(old.last, step), max(old.bytes, bytes))
        }
        for input in graph.inputs { use(input, at: -1) }
        for (index, step) in steps.enumerated() {
            for case let operand? in step.inputs { use(operand.value, at: index) }
            for output in step.outputs { use(output.value, at: index) }
        }
        for output in graph.outputs {
            use(output.value, at: steps.count)
            if let extent = graph[output.value].extent { use(extent, at: steps.count) }
        }
        for (root, range) in ranges.sorted(by: { $0.key < $1.key }) {
            itemOfRoot[root] = items.count
            items.append(ArenaItem(bytes: range.bytes, lifetime: range.first...range.last))
        }
    }

    func item(of value: ValueID) -> Int? { itemOfRoot[storage.root(value)] }

    mutating func addScratch(_ bytes: Int, step: Int) -> Int {
        items.append(ArenaItem(bytes: bytes, lifetime: step...step))
        return items.count - 1
    }
}
