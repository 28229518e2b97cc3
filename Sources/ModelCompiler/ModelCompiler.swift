/// The part `ModelCompiler`: see ARCHITECTURE.md.
enum ModelCompilerPlaceholder {}
