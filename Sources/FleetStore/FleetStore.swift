/// The part `FleetStore`: see ARCHITECTURE.md.
enum FleetStorePlaceholder {}
