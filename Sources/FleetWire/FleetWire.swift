/// The part `FleetWire`: see ARCHITECTURE.md.
enum FleetWirePlaceholder {}
