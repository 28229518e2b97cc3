import ModelImage

/// A value's index in ``Graph/values``.
struct ValueID: Hashable, Sendable {
    let index: Int
}

/// A tensor of the graph: what a node gives, what the caller gives, or a constant.
struct GraphValue: Equatable, Sendable {
    /// The ONNX name, or one made up by the compiler.
    var name: String
    var elementType: ElementType
    /// All extents are known: symbolic ones are bound before the graph is built.
    var shape: [Int]
    var constant: Constant?
    /// The integers that a float constant was made of.
    var origin: QuantizedConstant?
    /// The scalar that says during a run how much of the first axis is filled, where that depends on data.
    var extent: ValueID? = nil
    /// What the numbers of the last axis, or the integers themselves, stand for: names of classes.
    var labels: [String]? = nil
}

/// One operation of the graph.
struct GraphNode: Equatable, Sendable {
    var operation: GraphOperation
    /// What `unary` computes; otherwise what is applied to the result of an operation that takes an activation.
    var activation: Activation
    var inputs: [ValueID?]
    /// One, or more for portable operators.
    var outputs: [ValueID]
    /// The ONNX node from which it came, for people.
    var name: String

    init(operation: GraphOperation, activation: Activation, inputs: [ValueID?], outputs: [ValueID], name: String) {
        self.operation = operation
        self.activation = activation
        self.inputs = inputs
        self.outputs = outputs
        self.name = name
    }

    init(operation: GraphOperation, activation: Activation, inputs: [ValueID?], output: ValueID, name: String) {
        self.init(operation: operation, activation: activation, inputs: inputs, outputs: [output], name: name)
    }

    /// The first output.
    var output: ValueID {
        get { outputs[0] }
        set { outputs[0] = newValue }
    }
}

/// The computation between import and image. Passes change it in place.
///
/// Invariants, checked by ``check()``: nodes stand after those whose results they read; a value is given by at most
/// one node; constants, model inputs and node outputs are disjoint; output shapes are what ``ShapeInference`` says.
struct Graph: Equatable, Sendable {
    struct Output: Equatable, Sendable {
        var name: String
        var value: ValueID
    }

    private(set) var values: [GraphValue] = []
    var nodes: [GraphNode] = []
    var inputs: [ValueID] = []
    var outputs: [Output] = []

    subscript(_ id: ValueID) -> GraphValue {
        get { values[id.index] }
        set { values[id.index] = newValue }
    }

    /// The shape of a value.
    func shape(_ id: ValueID) -> [Int] { values[id.index].shape }

    /// The elements of a constant, or `nil` for other values and absent operands.
    func constant(_ id: ValueID?) -> Constant? { id.flatMap { values[$0.index].constant } }

    mutating func addValue(_ value: GraphValue) -> ValueID {
        values.append(value)
        return ValueID(index: values.count - 1)
    }

    mutating func addConstant(_ constant: Constant, name: String) -> ValueID {
        addValue(
            GraphValue(name: name, elementType: constant.elementType, shape: constant.shape, constant: constant))
    }
}

// MARK: - Questions that passes ask

extension Graph {
    /// For each value the nodes that read it, in order; a node that reads it twice counts twice.
    func readers() -> [[Int]] {
        var readers = [[Int]](repeating: [], count: values.count)
        for (index, node) in nodes.enumerated() {
            for case let input? in node.inputs { readers[input.index].append(index) }
        }
        return readers
    }

    /// For each value the node that gives it.
    func producers() -> [Int?] {
        var producers = [Int?](repeating: nil, count: values.count)
        for (index, node) in nodes.enumerated() {
            for output in node.outputs { producers[output.index] = index }
        }
        return producers
    }

    /// True when the caller gets the value.
    func isOutput(_ id: ValueID) -> Bool { outputs.contains { $0.value == id } }

    /// A node whose result is a new value; its shape and type are inferred. The caller puts the node into the graph.
    mutating func makeNode(
        _ operation: GraphOperation, activation: Activation = .none, inputs: [ValueID?], name: String
    ) throws(ShapeError) -> GraphNode {
        let result = try ShapeInference.result(of: operation, inputs: inputs, in: self)
        let output = addValue(
            GraphValue(name: name, elementType: result.elementType, shape: result.shape, constant: nil))
        return GraphNode(operation: operation, activation: activation, inputs: inputs, output: output, name: name)
    }

    /// Removes the nodes at these places.
    mutating func removeNodes(_ places: Set<Int>) {
        guard !places.isEmpty else { return }
        nodes = nodes.indices.filter { !places.contains($0) }.map { nodes[$0] }
    }

    /// Throws unless the invariants hold: a fault of the compiler itself, looked for after every pass in tests.
    func check() throws(ShapeError) {
        var known = Set(inputs.map(\.index))
        for (index, value) in values.enumerated() where value.constant != nil { known.insert(index) }
        for node in nodes {
            for case let input? in node.inputs where !known.contains(input.index) {
                throw ShapeError("node \(node.name) reads \(self[input].name) before it is given")
            }
            for output in node.outputs where !known.insert(output.index).inserted {
                throw ShapeError("\(self[output].name) is given twice")
            }
            let result = try ShapeInference.result(of: node.operation, inputs: node.inputs, in: self)
            guard result.shape == shape(node.output), result.elementType == self[node.output].elementType else {
                throw ShapeError("node \(node.name) gives \(result.shape), recorded is \(shape(node.output))")
            }
        }
        for output in outputs where !known.contains(output.value.index) {
            throw ShapeError("output \(output.name) is given by nothing")
        }
    }
}
