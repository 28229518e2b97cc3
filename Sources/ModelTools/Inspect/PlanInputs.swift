import EdgeRuntime
import ModelImage

/// Made-up inputs for timing: no zeros, which some kernels could pass over, and nothing that overflows.
enum PlanInputs {
    /// The bytes of each input: floats between −1 and 1, integers 0 or 1.
    static func bytes(for ports: [TensorInfo]) -> [[UInt8]] {
        var state: UInt64 = 1
        return ports.map { port in
            (0..<port.elementCount).flatMap { _ -> [UInt8] in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let value = Float(Int64(bitPattern: state) >> 40) / Float(1 << 23)
                return element(value, size: port.elementType.size, type: port.elementType)
            }
        }
    }

    private static func element(_ value: Float, size: Int, type: ElementType) -> [UInt8] {
        switch NPYType(type) {
        case .float32: return littleEndian(UInt64(value.bitPattern), 4)
        case .float64: return littleEndian(Double(value).bitPattern, 8)
        // Half precision: 0.5 or −0.5.
        case .float16: return littleEndian(value < 0 ? 0xB800 : 0x3800, 2)
        default: return littleEndian(value < 0 ? 0 : 1, size)
        }
    }

    private static func littleEndian(_ bits: UInt64, _ size: Int) -> [UInt8] {
        (0..<size).map { UInt8(truncatingIfNeeded: bits >> (8 * UInt64($0))) }
    }
}
