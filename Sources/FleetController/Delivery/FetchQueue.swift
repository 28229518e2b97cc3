import FleetModel
import FleetWire

/// What devices asked to be sent and were not sent yet: a few requests of each device, answered in turn, so that none
/// keeps the others waiting. What does not fit is dropped; a device asks again.
struct FetchQueue: Sendable {
    private var waiting: [DeviceID: [Need]] = [:]
    /// Devices with something in `waiting`, the next to be served first.
    private var turns: [DeviceID] = []
    private var firstTurn = 0

    var isEmpty: Bool { waiting.isEmpty }
    /// Devices that wait.
    var devices: Int { waiting.count }

    /// Takes a request.
    ///
    /// - Returns: false if there is no room.
    mutating func add(_ request: Need, from device: DeviceID) -> Bool {
        guard var requests = waiting[device] else {
            guard waiting.count < DeliveryLimits.fetchingDevices else { return false }
            waiting[device] = [request]
            turns.append(device)
            return true
        }
        // Asked again before it was answered: one answer is enough.
        if requests.contains(request) { return true }
        guard requests.count < DeliveryLimits.fetchesPerDevice else { return false }
        requests.append(request)
        waiting[device] = requests
        return true
    }

    /// The request whose turn it is.
    mutating func next() -> (device: DeviceID, request: Need)? {
        guard firstTurn < turns.count else { return nil }
        let device = turns[firstTurn]
        firstTurn += 1
        guard var requests = waiting[device], !requests.isEmpty else { return nil }
        let request = requests.removeFirst()
        waiting[device] = requests.isEmpty ? nil : requests
        if !requests.isEmpty { turns.append(device) }
        if firstTurn > turns.count / 2 {
            turns.removeFirst(firstTurn)
            firstTurn = 0
        }
        return (device, request)
    }
}
