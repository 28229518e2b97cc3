/// The part `ModelImage`: see ARCHITECTURE.md.
enum ModelImagePlaceholder {}
