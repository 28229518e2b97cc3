import FleetModel
import FleetWire

/// What a transaction did and what follows from it once it is committed.
struct IngestOutcome: Sendable {
    /// A window that has to be judged anew.
    struct Window: Hashable, Sendable {
        var device: DeviceID
        var slot: SlotName
        var release: Digest
    }

    /// A message that was not taken.
    struct Refusal: Sendable {
        var device: DeviceID?
        var reason: String
        var code: String
    }

    var acks: [(device: DeviceID, ack: Ack)] = []
    var windows: Set<Window> = []
    var needs: [Need] = []
    /// Who asks for a certificate.
    var renewals: [(device: DeviceID, request: RenewalRequest)] = []
    /// What devices asked to be sent.
    var fetches: [(device: DeviceID, request: Need)] = []
    var refusals: [Refusal] = []
    var committed = 0
    var duplicates = 0
    /// A device's desired document changed.
    var mustDeliver = false

    mutating func refuse(_ device: DeviceID?, _ code: String, _ reason: String) {
        refusals.append(Refusal(device: device, reason: reason, code: code))
    }
}
