import ModelImage
import ONNXFormat

/// One ONNX node with the values that its inputs stand for.
struct ImportedNode {
    let node: ONNXNode
    /// The version of the operator set that gives the node its meaning.
    let version: Int
    /// `nil` for an optional input that is left out.
    let inputs: [ValueID?]
    /// For people: the node's name or that of its first output.
    let name: String
    /// The shapes that the model declares for values, where all extents are numbers.
    private let shapes: [String: [Int]]
    /// The results of the branches of an `If` that the condition leaves open: one, or then and else.
    var branches: [[ValueID]] = []

    init(_ node: ONNXNode, version: Int, inputs: [ValueID?], shapes: [String: [Int]] = [:]) {
        self.shapes = shapes
        self.node = node
        self.version = version
        self.inputs = inputs
        name = node.name.isEmpty ? node.outputs.first { !$0.isEmpty } ?? node.operatorType : node.name
    }

    // MARK: - Operands

    /// The operand at `index`, or `nil` when it is absent.
    func optional(_ index: Int) -> ValueID? {
        index < inputs.count ? inputs[index] : nil
    }

    func input(_ index: Int) throws(Refusal) -> ValueID {
        guard let input = optional(index) else { throw .invalid("input \(index) is missing") }
        return input
    }

    /// True when the caller or another node may read output `index`.
    func wants(_ index: Int) -> Bool {
        index < node.outputs.count && !node.outputs[index].isEmpty
    }

    /// The shape that the model declares for output `index`, if it does and all extents are numbers.
    func declared(_ index: Int) -> [Int]? {
        index < node.outputs.count ? shapes[node.outputs[index]] : nil
    }

    // MARK: - Attributes

    func int(_ name: String) throws(Refusal) -> Int? {
        switch node.attribute(name) {
        case nil: return nil
        case .int(let value): return Int(value)
        default: throw .invalid("attribute \(name) is not an integer")
        }
    }

    func int(_ name: String, default standard: Int) throws(Refusal) -> Int {
        try int(name) ?? standard
    }

    func flag(_ name: String) throws(Refusal) -> Bool {
        try int(name, default: 0) != 0
    }

    func float(_ name: String, default standard: Float) throws(Refusal) -> Float {
        switch node.attribute(name) {
        case nil: return standard
        case .float(let value): return value
        default: throw .invalid("attribute \(name) is not a number")
        }
    }

    func ints(_ name: String) throws(Refusal) -> [Int]? {
        switch node.attribute(name) {
        case nil: return nil
        case .ints(let values): return values.map { Int($0) }
        default: throw .invalid("attribute \(name) is not a list of integers")
        }
    }

    func text(_ name: String, default standard: String) throws(Refusal) -> String {
        switch node.attribute(name) {
        case nil: return standard
        case .string(let bytes): return String(decoding: bytes, as: UTF8.self)
        default: throw .invalid("attribute \(name) is not a text")
        }
    }
}
