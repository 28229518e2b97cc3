import FleetModel
import FleetWire

/// What a device sent, as it came from the broker.
struct IngestMessage: Sendable {
    var topic: Topic
    /// Empty if the message was refused unread.
    var payload: [UInt8]
    var received: Instant
    /// Why the message was refused before it was read.
    var refusal: WireError?
}

/// What a device said, read and checked against the protocol.
enum DeviceMessage: Sendable {
    case presence(Presence)
    case reported(Reported)
    case report(Report, encoded: [UInt8])
    case sample(SampleMessage, encoded: [UInt8])
    case log(DeviceLog)
    case need(Need)
    case fetch(Need)
    case renew(RenewalRequest)

    /// Reads a message.
    ///
    /// - Throws: `WireError` with what is wrong in the bytes, or `unknownTopic` for one that no device may write.
    init(_ message: IngestMessage) throws(WireError) {
        if let refusal = message.refusal { throw refusal }
        switch message.topic {
        case .presence: self = .presence(try Presence(decoding: message.payload))
        case .reported: self = .reported(try Reported(decoding: message.payload))
        case .report: self = .report(try Report(decoding: message.payload), encoded: message.payload)
        case .sample: self = .sample(try SampleMessage(decoding: message.payload), encoded: message.payload)
        case .log: self = .log(try DeviceLog(decoding: message.payload))
        case .need: self = .need(try Need(decoding: message.payload))
        case .fetch: self = .fetch(try Need(decoding: message.payload))
        case .renew: self = .renew(try RenewalRequest(decoding: message.payload))
        case .response, .desired, .ack, .command, .certificate, .roles, .time, .release, .blobMap, .chunk, .ownBlobMap,
            .ownChunk, .refused:
            throw WireError(.unknownTopic, "not a topic that devices write")
        }
    }
}
