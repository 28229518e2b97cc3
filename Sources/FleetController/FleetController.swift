/// The part `FleetController`: see ARCHITECTURE.md.
enum FleetControllerPlaceholder {}
