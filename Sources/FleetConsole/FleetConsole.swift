/// The part `FleetConsole`: see ARCHITECTURE.md.
enum FleetConsolePlaceholder {}
