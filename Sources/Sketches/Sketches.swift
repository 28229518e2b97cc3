/// The part `Sketches`: see ARCHITECTURE.md.
enum SketchesPlaceholder {}
