/// The part `EdgeRuntime`: see ARCHITECTURE.md.
enum EdgeRuntimePlaceholder {}
