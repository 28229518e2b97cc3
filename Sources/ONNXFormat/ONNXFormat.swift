/// The part `ONNXFormat`: see ARCHITECTURE.md.
enum ONNXFormatPlaceholder {}
