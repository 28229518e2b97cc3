/// The part `TensorKernels`: see ARCHITECTURE.md.
enum TensorKernelsPlaceholder {}
