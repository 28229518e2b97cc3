/// The part `DeviceCore`: see ARCHITECTURE.md.
enum DeviceCorePlaceholder {}
