/// The part `MQTTTransport`: see ARCHITECTURE.md.
enum MQTTTransportPlaceholder {}
