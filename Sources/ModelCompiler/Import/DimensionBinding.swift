import ModelImage
import ONNXFormat

/// Gives every dimension of a model's inputs an extent.
struct DimensionBinding {
    private let dims: [String: Int]
    /// The bindings that some input has used.
    private var used: Set<String> = []

    init(_ options: CompileOptions) throws(CompileError) {
        dims = options.dims
        for (name, extent) in dims.sorted(by: { $0.key < $1.key }) where !(0...ImageLimits.elements).contains(extent) {
            throw .option("dimension \(name) is bound to \(extent), outside 0...\(ImageLimits.elements)")
        }
    }

    /// The shape of an input.
    ///
    /// - Throws: ``CompileError/unboundDimension(input:axis:symbol:)`` for an open dimension that is not the first.
    mutating func shape(of input: ONNXValueInfo) throws(CompileError) -> [Int] {
        guard case .tensor(_, let declared?) = input.type else {
            throw .invalidModel(
                "input \"\(input.name)\" has no tensor type with a shape; only such inputs can be bound")
        }
        var shape: [Int] = []
        for (axis, dimension) in declared.enumerated() {
            shape.append(try extent(dimension, input: input.name, axis: axis))
        }
        return shape
    }

    private mutating func extent(
        _ dimension: ONNXDimension, input: String, axis: Int
    ) throws(CompileError) -> Int {
        let place = "\(input).\(axis)"
        var symbol = ""
        switch dimension {
        case .value(let extent):
            // Some exporters write 0 for an open dimension; an empty one must be asked for.
            if extent > 0 { return extent }
        case .symbol(let name): symbol = name
        case .unknown: break
        }
        for name in [place, symbol] where !name.isEmpty {
            if let extent = dims[name] {
                used.insert(name)
                return extent
            }
        }
        guard axis == 0 else { throw .unboundDimension(input: input, axis: axis, symbol: symbol) }
        return 1
    }

    /// Throws if a binding fits no open dimension: it is most likely misspelt.
    func checkAllUsed() throws(CompileError) {
        let unused = dims.keys.filter { !used.contains($0) }.sorted()
        guard unused.isEmpty else {
            throw .option("the model has no open dimension \(unused.map { "\"\($0)\"" }.joined(separator: ", "))")
        }
    }
}
