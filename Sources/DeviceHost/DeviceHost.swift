/// The part `DeviceHost`: see ARCHITECTURE.md.
enum DeviceHostPlaceholder {}
