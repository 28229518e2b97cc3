import ModelImage
import ONNXFormat

/// Attributes that are lists, texts or tensors: what classic operators are made of.
extension ImportedNode {
    func floats(_ name: String) throws(Refusal) -> [Float]? {
        switch node.attribute(name) {
        case nil: return nil
        case .floats(let values): return values
        // An empty list has no type of its own in some writers.
        case .ints(let values) where values.isEmpty: return []
        default: throw .invalid("attribute \(name) is not a list of numbers")
        }
    }

    func strings(_ name: String) throws(Refusal) -> [String]? {
        switch node.attribute(name) {
        case nil: return nil
        case .strings(let values): return values.map { String(decoding: $0, as: UTF8.self) }
        default: throw .invalid("attribute \(name) is not a list of texts")
        }
    }

    func tensor(_ name: String) throws(Refusal) -> Constant? {
        switch node.attribute(name) {
        case nil: return nil
        case .tensor(let value): return try Constant(value)
        default: throw .invalid("attribute \(name) is not a tensor")
        }
    }

    /// A list of numbers that is an attribute `name`, or since version 3 of the domain a tensor `name_as_tensor`.
    func reals(_ name: String) throws(Refusal) -> (values: [Double], isDouble: Bool)? {
        if let tensor = try tensor(name + "_as_tensor"), let values = tensor.reals, !values.isEmpty {
            return (values, tensor.elementType == .float64)
        }
        return try floats(name).map { ($0.map { Double($0) }, false) }
    }

    /// A list that must be there.
    func required<Value>(_ value: Value?, _ name: String) throws(Refusal) -> Value {
        guard let value else { throw .invalid("attribute \(name) is missing") }
        return value
    }
}
