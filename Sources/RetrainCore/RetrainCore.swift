/// The part `RetrainCore`: see ARCHITECTURE.md.
enum RetrainCorePlaceholder {}
