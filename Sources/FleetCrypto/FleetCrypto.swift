/// The part `FleetCrypto`: see ARCHITECTURE.md.
enum FleetCryptoPlaceholder {}
