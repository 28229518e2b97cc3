import TensorKernels
import TensorKernelsBaseline

#if canImport(TensorKernelsAVX512)
    import CEdgeSupport
    import TensorKernelsAVX2
    import TensorKernelsAVX512
#endif

/// The vector instructions that a model's kernels use. All give the same results but for the order of float sums.
public enum InstructionSet: UInt8, Sendable, CaseIterable {
    /// What every processor of the architecture has: SSE2 on x86-64, plain floats on a microcontroller.
    case baseline
    /// x86-64-v3: AVX2 and FMA.
    case avx2
    /// x86-64-v4 with VNNI: AVX-512 F, BW, CD, DQ, VL and VNNI (Ice Lake, Zen 4 and newer).
    case avx512
    /// 64-bit ARM: the baseline's source, whose vectors are NEON registers there.
    case neon

    /// The name in receipts and in `MARTLET_ISA`.
    public var name: String {
        switch self {
        case .baseline: "baseline"
        case .avx2: "avx2"
        case .avx512: "avx512"
        case .neon: "neon"
        }
    }

    /// True when this processor and this build have it.
    public var isAvailable: Bool {
        switch self {
        case .baseline: return Self.lowest == .baseline
        case .neon: return Self.lowest == .neon
        #if canImport(TensorKernelsAVX512)
            case .avx2: return edge_supports_avx2() != 0
            case .avx512: return edge_supports_avx512() != 0
        #else
            case .avx2, .avx512: return false
        #endif
        }
    }

    /// What the portable kernels compile to here.
    private static var lowest: InstructionSet {
        #if arch(arm64)
            .neon
        #else
            .baseline
        #endif
    }

    /// The fastest available one.
    public static var fastest: InstructionSet {
        if avx512.isAvailable { return .avx512 }
        return avx2.isAvailable ? .avx2 : lowest
    }

    /// The one that `MARTLET_ISA` names, or the fastest when the variable is unset or empty.
    ///
    /// - Throws: ``RuntimeError/unavailableInstructionSet`` when the variable names none that is available.
    public static func preferred() throws(RuntimeError) -> InstructionSet {
        #if canImport(TensorKernelsAVX512)
            guard let forced = edge_environment("MARTLET_ISA"), forced.pointee != 0 else { return fastest }
            let wanted = String(cString: forced)
            for candidate in allCases where candidate.name == wanted && candidate.isAvailable { return candidate }
            throw .unavailableInstructionSet
        #else
            return fastest
        #endif
    }

    /// The kernels.
    var kernels: KernelTable {
        switch self {
        #if canImport(TensorKernelsAVX512)
            case .avx512: TensorKernelsAVX512.VectorKernels.table()
            case .avx2: TensorKernelsAVX2.VectorKernels.table()
            default: TensorKernelsBaseline.VectorKernels.table()
        #else
            default: VectorKernels.table()
        #endif
        }
    }
}
