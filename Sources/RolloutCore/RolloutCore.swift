/// The part `RolloutCore`: see ARCHITECTURE.md.
enum RolloutCorePlaceholder {}
