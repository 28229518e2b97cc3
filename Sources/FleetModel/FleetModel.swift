/// The part `FleetModel`: see ARCHITECTURE.md.
enum FleetModelPlaceholder {}
