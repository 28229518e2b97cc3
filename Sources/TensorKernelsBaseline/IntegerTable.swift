import TensorKernels

/// The kernels on bytes of this module's instruction set.
func integerTable() -> IntegerKernels {
    IntegerKernels(
        convolution: integerConvolution, depthwise: integerDepthwise, binary: integerBinary, pool: integerPool,
        quantize: quantize, dequantize: dequantize)
}
