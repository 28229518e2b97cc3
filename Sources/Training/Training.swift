/// The part `Training`: see ARCHITECTURE.md.
enum TrainingPlaceholder {}
