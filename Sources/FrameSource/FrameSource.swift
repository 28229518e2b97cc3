/// The part `FrameSource`: see ARCHITECTURE.md.
enum FrameSourcePlaceholder {}
