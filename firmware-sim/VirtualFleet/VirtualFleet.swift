/// The part `VirtualFleet`: see ARCHITECTURE.md.
enum VirtualFleetPlaceholder {}
