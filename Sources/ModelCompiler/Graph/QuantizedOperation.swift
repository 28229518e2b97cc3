import ModelImage

/// An operation on bytes (int8, uint8) in the graph: like ``GraphOperation``, it says *what* is computed.
///
/// `to` is the element type of the result. Bias, factors, scales and zero points are constants, one per filter; what
/// they mean is told at ``IntegerOperation``.
enum QuantizedOperation: Equatable, Sendable {
    /// `x float32, scales, zeroPoints → y`
    case quantize(to: ElementType, axis: Int)
    /// `x, scales, zeroPoints → y float32`
    case dequantize(axis: Int)
    /// `a[…, K], weights[K, N], bias, factors → y[…, N]`
    case dense(to: ElementType, ByteRange)
    /// `x, weights[M, C / groups, kernel…], bias, factors → y`
    case convolution(SpatialWindow, groups: Int, ChannelOrder, inputZeroPoint: Int, to: ElementType, ByteRange)
    /// `a, b → y` with broadcasting
    case binary(ByteArithmetic, to: ElementType, ByteRange)
    /// `x → y`
    case averagePool(SpatialWindow, ChannelOrder, ByteAverage, to: ElementType, ByteRange)
    /// `x, table[256] → y`
    case lookup(to: ElementType)

    /// The operation on floats whose shape rules this one has; nil for elementwise ones of one operand.
    var floatForm: GraphOperation? {
        switch self {
        case .quantize, .dequantize, .lookup: nil
        case .dense: .dense
        case .convolution(let window, let groups, let order, _, _, _): .convolution(window, groups: groups, order)
        case .binary(let arithmetic, _, _): .binary(arithmetic.function)
        case .averagePool(let window, let order, let average, _, _):
            .pool(.average(countsPadding: average.countsPadding), window, order)
        }
    }

    /// What the elements of the result are.
    var elementType: ElementType {
        switch self {
        case .dequantize: .float32
        case .quantize(let type, _), .dense(let type, _), .convolution(_, _, _, _, let type, _),
            .binary(_, let type, _), .averagePool(_, _, _, let type, _), .lookup(let type):
            type
        }
    }

    /// The same with the channels last; nil when they are, or when there is no window.
    var channelsLast: QuantizedOperation? {
        switch self {
        case .convolution(let window, let groups, .first, let zeroPoint, let type, let range):
            .convolution(window, groups: groups, .last, inputZeroPoint: zeroPoint, to: type, range)
        case .averagePool(let window, .first, let average, let type, let range):
            .averagePool(window, .last, average, to: type, range)
        default: nil
        }
    }
}

/// Where the elements of a float constant come from: `(stored − zeroPoint) · scale`, as DequantizeLinear has it.
struct QuantizedConstant: Equatable, Sendable {
    /// Integers of the constant's shape.
    var stored: Constant
    /// One, or one for each index of the axis.
    var scales: [Float]
    /// As many as scales.
    var zeroPoints: [Int64]
    var axis: Int

    /// The floats, computed in single precision as the operator does.
    var dequantized: Constant? {
        guard let values = stored.integers else { return nil }
        let inner = stored.shape.dropFirst(axis + 1).reduce(1, *)
        let floats = values.enumerated().map { index, value in
            let channel = scales.count == 1 ? 0 : index / inner % scales.count
            return Float(value - zeroPoints[channel]) * scales[channel]
        }
        return Constant(floats: floats, shape: stored.shape)
    }

    /// The same with its axes in another order.
    func transposed(_ permutation: [Int]) -> QuantizedConstant {
        QuantizedConstant(
            stored: stored.transposed(permutation), scales: scales, zeroPoints: zeroPoints,
            axis: scales.count == 1 ? 0 : permutation.firstIndex(of: axis) ?? 0)
    }

    /// The stored integers less their zero points, if all are numbers of int8.
    var centred: [Int8]? {
        guard let values = stored.integers else { return nil }
        let inner = stored.shape.dropFirst(axis + 1).reduce(1, *)
        var centred: [Int8] = []
        centred.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            let channel = scales.count == 1 ? 0 : index / inner % scales.count
            guard let byte = Int8(exactly: value - zeroPoints[channel]) else { return nil }
            centred.append(byte)
        }
        return centred
    }
}
