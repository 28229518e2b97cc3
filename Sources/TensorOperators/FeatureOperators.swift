import ModelImage
import OperatorInterface
import TensorKernels

/// By what a row is divided.
enum RowNorm: Int {
    /// The largest element
    case maximum = 0
    /// The sum of magnitudes
    case l1 = 1
    /// The Euclidean length
    case l2 = 2
}

/// Preparations of features.
enum FeatureOperators {
    // MARK: - Normalizer

    /// `x[…, columns] → y`, float32: each row divided by its norm unless that is 0; words: a ``RowNorm``, columns.
    @Sendable static func normalizeRows(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 1...1)
        let x = try context.input(0, .float32)
        let y = try context.output(0, .float32)
        guard let norm = RowNorm(rawValue: try context.word(0)) else {
            throw ImageError(.unknownOperation, .operation(context.index), "unknown norm")
        }
        let columns = try context.word(1, in: 1...ImageLimits.elements)
        try context.require(x.count == y.count && x.count % columns == 0, "x does not consist of whole rows")
        let (source, target, rows) = (x.elements(Float.self), y.elements(Float.self), x.count / columns)
        return {
            for row in 0..<rows {
                let values = source + row * columns
                let divisor = length(values, columns, norm)
                for column in 0..<columns {
                    let value = Double(values[column])
                    target[row * columns + column] = Float(divisor == 0 ? value : value / divisor)
                }
            }
        }
    }

    private static func length(_ values: UnsafeMutablePointer<Float>, _ count: Int, _ norm: RowNorm) -> Double {
        var result = norm == .maximum ? -Double.infinity : 0
        for index in 0..<count {
            let value = Double(values[index])
            switch norm {
            case .maximum: result = max(result, value)
            case .l1: result += value.magnitude
            case .l2: result += value * value
            }
        }
        return norm == .l2 ? result.squareRoot() : result
    }

    // MARK: - LabelEncoder

    /// `x, keys[n] (of x's type, ascending, NaN last), values[n], other[1] → y` of x's shape and the values' type: the
    /// value of the key that equals the element, else `other`. NaN equals NaN.
    @Sendable static func lookUp(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 4...4)
        let x = try context.input(0)
        let keys = try context.input(1, x.elementType)
        let values = try context.input(2)
        let other = try context.input(3, values.elementType)
        let y = try context.output(0, values.elementType)
        try context.require(
            x.count == y.count && keys.count == values.count && other.count == 1, "keys and values do not fit")
        return try x.elementType.accept(LookUp(x: x, keys: keys, values: values, other: other, y: y))
    }

    private struct LookUp: ElementVisitor {
        let x: TensorView
        let keys: TensorView
        let values: TensorView
        let other: TensorView
        let y: TensorView

        func visit<E: Element>(_ type: E.Type) throws(ImageError) -> PreparedOperator {
            let (source, keys, keyCount) = (x.elements(E.self), keys.elements(E.self), keys.count)
            let (values, other, target) = (values.address, other.address, y.address)
            let (count, size) = (x.count, y.elementType.size)
            return {
                for index in 0..<count {
                    let place = Self.place(of: source[index].wide, in: keys, keyCount)
                    let value = place < 0 ? other : values + place * size
                    (target + index * size).copyMemory(from: value, byteCount: size)
                }
            }
        }

        /// The index of a key, or −1.
        private static func place<E: Element>(of key: E.Wide, in keys: UnsafeMutablePointer<E>, _ count: Int) -> Int {
            var (low, high) = (0, count)
            while low < high {
                let middle = low + (high - low) / 2
                if precedes(keys[middle].wide, key) { low = middle + 1 } else { high = middle }
            }
            return low < count && !precedes(key, keys[low].wide) ? low : -1
        }

        /// The order of keys: numbers, then NaN.
        private static func precedes<Wide: WideNumber>(_ a: Wide, _ b: Wide) -> Bool {
            let isNaN = (!Wide.equal(a, a), !Wide.equal(b, b))
            return isNaN.0 || isNaN.1 ? !isNaN.0 && isNaN.1 : Wide.less(a, b)
        }
    }

    // MARK: - ArrayFeatureExtractor

    /// `x[…, columns], indices[n] (int64) → y[…, n]`, any type: those elements of each row; words: columns. An index
    /// outside the row takes the nearest element.
    @Sendable static func pick(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 2...2)
        let x = try context.input(0)
        let indices = try context.input(1, .int64)
        let y = try context.output(0, x.elementType)
        let columns = try context.word(0, in: 1...ImageLimits.elements)
        let (rows, count, size) = (x.count / columns, indices.count, x.elementType.size)
        try context.require(x.count == rows * columns && y.count == rows * count, "the output does not fit")
        let (source, target, places) = (x.address, y.address, indices.elements(Int64.self))
        return {
            for row in 0..<rows {
                for index in 0..<count {
                    let column = Int(max(0, min(places[index], Int64(columns - 1))))
                    (target + (row * count + index) * size).copyMemory(
                        from: source + (row * columns + column) * size, byteCount: size)
                }
            }
        }
    }
}
