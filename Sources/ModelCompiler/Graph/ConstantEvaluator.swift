import ModelImage

/// Computes an operation whose operands are all known.
///
/// A plain reference evaluator, written for clarity: it runs once per constant when a model is compiled. Floating-point
/// results are computed in double precision and rounded once.
enum ConstantEvaluator {
    /// The result, or `nil` for operations that are left for the runtime (convolutions, pools, matrix products …).
    static func evaluate(
        _ operation: GraphOperation, _ activation: Activation, _ operands: [Constant], shape: [Int]
    ) -> Constant? {
        guard let first = operands.first else { return nil }
        let result: Constant? =
            switch operation {
            case .unary: mapped(first, activation)
            case .binary(let function): operands.count == 2 ? binary(function, first, operands[1], shape) : nil
            case .affine(let axis): operands.count == 3 ? affine(axis, operands) : nil
            case .reduce(let function, let axes, _): ConstantReduction.evaluate(function, axes, first, shape)
            default: moved(operation, operands, shape)
            }
        guard let result, operation != .unary, activation != .none else { return result }
        return mapped(result, activation)
    }

    // MARK: - Elementwise

    private static func mapped(_ x: Constant, _ activation: Activation) -> Constant? {
        switch x.elements {
        case .floats(let values):
            let mapped = values.map { Float(ScalarFunctions.value(of: activation, at: Double($0))) }
            return Constant(elementType: x.elementType, shape: x.shape, elements: .floats(mapped))
        case .integers(let values):
            let mapped: [Int64]
            switch activation.function {
            case .identity: mapped = values
            case .abs: mapped = values.map { $0 < 0 ? 0 &- $0 : $0 }
            case .negate: mapped = values.map { 0 &- $0 }
            case .sign: mapped = values.map { $0.signum() }
            case .relu: mapped = values.map { max($0, 0) }
            default: return nil
            }
            return Constant(elementType: x.elementType, shape: x.shape, elements: .integers(mapped))
        }
    }

    private static func binary(_ function: BinaryFunction, _ a: Constant, _ b: Constant, _ shape: [Int]) -> Constant? {
        let left = Extents.broadcastPositions(of: a.shape, to: shape)
        let right = Extents.broadcastPositions(of: b.shape, to: shape)
        switch (a.elements, b.elements) {
        case (.floats(let x), .floats(let y)):
            let values = zip(left, right).map {
                Float(ScalarFunctions.value(of: function, Double(x[$0]), Double(y[$1])))
            }
            return Constant(elementType: a.elementType, shape: shape, elements: .floats(values))
        case (.integers(let x), .integers(let y)):
            var values: [Int64] = []
            for (i, j) in zip(left, right) {
                guard let value = ScalarFunctions.value(of: function, x[i], y[j]) else { return nil }
                values.append(value)
            }
            return Constant(elementType: a.elementType, shape: shape, elements: .integers(values))
        default: return nil
        }
    }

    private static func affine(_ axis: Int, _ operands: [Constant]) -> Constant? {
        guard let x = operands[0].floats, let scale = operands[1].floats, let shift = operands[2].floats else {
            return nil
        }
        let shape = operands[0].shape
        let inner = shape[(axis + 1)...].reduce(1, *)
        let values = x.indices.map { index in
            let channel = index / inner % shape[axis]
            return Float(Double(x[index]) * Double(scale[channel]) + Double(shift[channel]))
        }
        return Constant(floats: values, shape: shape)
    }

    // MARK: - Movement

    private static func moved(_ operation: GraphOperation, _ operands: [Constant], _ shape: [Int]) -> Constant? {
        let x = operands[0]
        let strides = Extents.strides(x.shape)
        switch operation {
        case .reshape: return x.reshaped(shape)
        case .transpose(let permutation):
            return x.gathered(
                Extents.positions(shape, start: 0, strides: permutation.map { strides[$0] }), shape: shape)
        case .slice(let starts, let steps, _):
            let start = zip(starts, strides).map(*).reduce(0, +)
            return x.gathered(
                Extents.positions(shape, start: start, strides: zip(steps, strides).map(*)), shape: shape)
        case .concat(let axis): return joined(operands, axis: axis, shape: shape)
        case .pad(let before, _, .constant, let value): return padded(x, before: before, value: value, shape: shape)
        default: return nil
        }
    }

    private static func joined(_ operands: [Constant], axis: Int, shape: [Int]) -> Constant? {
        var floats: [Float] = []
        var integers: [Int64] = []
        let outer = shape[..<axis].reduce(1, *)
        for index in 0..<outer {
            for operand in operands {
                let run = operand.shape[axis...].reduce(1, *)
                switch operand.elements {
                case .floats(let values): floats += values[index * run..<(index + 1) * run]
                case .integers(let values): integers += values[index * run..<(index + 1) * run]
                }
            }
        }
        guard floats.isEmpty || integers.isEmpty else { return nil }
        return Constant(
            elementType: operands[0].elementType, shape: shape,
            elements: operands[0].floats == nil ? .integers(integers) : .floats(floats))
    }

    private static func padded(_ x: Constant, before: [Int], value: Float, shape: [Int]) -> Constant? {
        let strides = Extents.strides(shape)
        let start = zip(before, strides).map(*).reduce(0, +)
        let places = Extents.positions(x.shape, start: start, strides: strides)
        let count = shape.reduce(1, *)
        switch x.elements {
        case .floats(let values):
            var result = [Float](repeating: value, count: count)
            for (place, element) in zip(places, values) { result[place] = element }
            return Constant(elementType: x.elementType, shape: shape, elements: .floats(result))
        case .integers(let values):
            var result = [Int64](repeating: ConstantCast.integer(Double(value), x.elementType), count: count)
            for (place, element) in zip(places, values) { result[place] = element }
            return Constant(elementType: x.elementType, shape: shape, elements: .integers(result))
        }
    }
}
