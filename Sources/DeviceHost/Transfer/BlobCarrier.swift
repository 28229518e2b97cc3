import FleetModel
import FleetWire
import MQTTTransport

/// The two ways of a blob through a broker. The raw value is stored.
enum CarrierKind: UInt8 {
    /// The broker keeps the chunks; devices subscribe to them.
    case retained = 0
    /// The controller sends what a device asks for: where the broker keeps nothing, or not so much.
    case request = 1
}

/// How a pull gets at a blob's map and chunks. What comes is handed to the pull by whoever owns the connection.
protocol BlobCarrier {
    var kind: CarrierKind { get }
    func askForMap()
    /// The map is here.
    func closeMap()
    /// Has the missing chunks of a page come.
    func open(page: Int, missing: [Range<Int>])
    func close(page: Int)
    /// The end: nothing more is to come.
    func end()
}

/// Retained messages: map and chunks are topics, and a page is a subscription.
struct RetainedCarrier: BlobCarrier {
    let blob: Digest
    let topics: Topics
    let client: any DeviceLink

    var kind: CarrierKind { .retained }

    func askForMap() { client.subscribe([topics.text(.blobMap(blob))], qos: .atLeastOnce) }
    func closeMap() { client.unsubscribe([topics.text(.blobMap(blob))]) }
    func open(page: Int, missing: [Range<Int>]) { client.subscribe([topics.page(blob, page)], qos: .atMostOnce) }
    func close(page: Int) { client.unsubscribe([topics.page(blob, page)]) }
    func end() { closeMap() }
}

/// Request and response: the device names what it lacks, and the controller answers on the device's own topics.
struct RequestCarrier: BlobCarrier {
    let blob: Digest
    let device: DeviceID
    let topics: Topics
    let client: any DeviceLink

    var kind: CarrierKind { .request }

    func askForMap() { ask(for: []) }
    func closeMap() {}
    func open(page: Int, missing: [Range<Int>]) { ask(for: missing) }
    /// An answer that is under way comes and is not wanted.
    func close(page: Int) {}
    func end() { client.unsubscribe([topics.ownBlob(device, blob)]) }

    private func ask(for chunks: [Range<Int>]) {
        // Again and again the same subscription: after a reconnect the first request must not overtake it.
        client.subscribe([topics.ownBlob(device, blob)], qos: .atMostOnce)
        let request = Need(blob: blob, missing: Array(chunks.prefix(WireLimits.missingRanges)))
        client.publish(
            topic: topics.text(.fetch(device)), payload: request.encoded(), qos: .atLeastOnce, retain: false,
            priority: .control)
    }
}
