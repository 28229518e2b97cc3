/// A message that the library holds: written but not acknowledged (QoS 1), or not yet written (QoS 0).
struct InFlight: Sendable {
    let topic: String
    let qos: QoS
    let priority: MQTTPriority
    let completion: (@Sendable (PublishResult) -> Void)?
}

/// The messages that the library holds, by the message ids that it gave them.
struct InFlightTable: Sendable {
    private var entries: [Int32: InFlight] = [:]
    /// How many of them are bulk.
    private(set) var bulkCount = 0

    var count: Int { entries.count }
    var isEmpty: Bool { entries.isEmpty }

    mutating func insert(_ entry: InFlight, id: Int32) {
        entries[id] = entry
        if entry.priority == .bulk { bulkCount += 1 }
    }

    mutating func remove(id: Int32) -> InFlight? {
        guard let entry = entries.removeValue(forKey: id) else { return nil }
        if entry.priority == .bulk { bulkCount -= 1 }
        return entry
    }

    /// Takes out all that `condition` names, in the order of their ids.
    mutating func removeAll(where condition: (InFlight) -> Bool) -> [InFlight] {
        let ids = entries.filter { condition($0.value) }.keys.sorted()
        return ids.compactMap { remove(id: $0) }
    }
}
