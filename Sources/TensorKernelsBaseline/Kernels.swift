public import TensorKernels

/// This module's instruction set.
public enum VectorKernels {
    /// The kernels compiled for it. Calling one on a processor without the instruction set ends the process.
    public static func table() -> KernelTable {
        KernelTable(
            gemm: gemm, convolution: convolution, depthwise: depthwise, pool: pool, unary: unary, binary: binary,
            affine: affine, softmax: softmax, reduce: reduce, cell: cell, integer: integerTable())
    }
}
