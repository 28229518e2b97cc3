import ModelImage
import ONNXFormat

/// Compares an output with what should have come out.
struct TensorComparison {
    /// Largest allowed difference as a share of the expected value; the suite's own.
    static let relativeTolerance = 1e-3
    /// Largest allowed difference beside that; the suite's own.
    static let absoluteTolerance = 1e-7

    /// The largest difference between two floating-point numbers; infinite when one of them is NaN or infinite alone.
    private(set) var maximumError: Double?

    /// What differs, or `nil`: floating-point numbers within the tolerance (NaN equals NaN), all others exactly.
    mutating func difference(of found: HostTensor, from expected: HostTensor) -> String? {
        guard found.elementType == expected.elementType else {
            return "is \(found.elementType), expected is \(expected.elementType)"
        }
        guard found.shape == expected.shape else { return "has shape \(found.shape), expected is \(expected.shape)" }
        guard let values = Self.floats(found), let wanted = Self.floats(expected) else {
            guard let place = zip(found.bytes, expected.bytes).enumerated().first(where: { $1.0 != $1.1 })?.offset
            else { return nil }
            let element = place / found.elementType.size
            return "differs at element \(element) of \(found.elementCount): found "
                + "\(Self.text(found, element)), expected \(Self.text(expected, element))"
        }
        return difference(values, wanted)
    }

    private mutating func difference(_ values: [Double], _ wanted: [Double]) -> String? {
        var wrong = 0
        var first: Int?
        for (index, (value, want)) in zip(values, wanted).enumerated() {
            let error = Self.error(value, want)
            maximumError = max(maximumError ?? 0, error)
            guard error > Self.absoluteTolerance + Self.relativeTolerance * want.magnitude || error == .infinity
            else { continue }
            wrong += 1
            if first == nil { first = index }
        }
        guard let first else { return nil }
        return "differs in \(wrong) of \(values.count) elements, first at \(first): found \(values[first]), "
            + "expected \(wanted[first])"
    }

    private static func error(_ value: Double, _ want: Double) -> Double {
        if value == want || (value.isNaN && want.isNaN) { return 0 }
        let error = (value - want).magnitude
        return error.isNaN ? .infinity : error
    }

    /// The elements of a floating-point tensor; `nil` for other types.
    private static func floats(_ tensor: HostTensor) -> [Double]? {
        tensor.bytes.withUnsafeBytes { bytes in
            switch tensor.elementType {
            case .float32:
                (0..<tensor.elementCount).map {
                    Double(bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self))
                }
            case .float64:
                (0..<tensor.elementCount).map { bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Double.self) }
            default: nil
            }
        }
    }

    /// An element that is no floating-point number, for people.
    private static func text(_ tensor: HostTensor, _ element: Int) -> String {
        let size = tensor.elementType.size
        var bits: UInt64 = 0
        for index in 0..<size { bits |= UInt64(tensor.bytes[element * size + index]) << UInt64(8 * index) }
        let unused = UInt64(64 - 8 * size)
        switch tensor.elementType {
        case .uint8, .bool, .float16: return "\(bits)"
        default: return "\(Int64(bitPattern: bits << unused) >> Int64(unused))"
        }
    }
}
