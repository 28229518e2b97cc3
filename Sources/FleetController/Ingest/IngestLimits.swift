import FleetModel
import FleetWire

/// Bounds on what comes in from devices.
enum IngestLimits {
    /// Messages that wait between the broker's loop and the database. What does not fit is dropped: the device was not
    /// told that it is committed and sends it again.
    static let queuedMessages = 8192
    /// Bytes that wait there.
    static let queuedBytes = 64 << 20
    /// Messages in one transaction.
    static let batch = 256
    /// How long a transaction waits for more messages to share its sync with.
    static let gather = Duration.milliseconds(20)
    /// Samples of a device of which only some parts have come; the oldest goes when one more begins.
    static let openSamples = 8
    /// How long parts of an incomplete sample are kept.
    static let partLifetime = Interval.minutes(24 * 60)
    /// Runs of missing sequences that are remembered for a stream; past it the oldest is forgotten: the device has
    /// been asked for it with every acknowledgement since.
    static let holes = WireLimits.holes
    /// A refused sender's alert is told anew at most this often.
    static let refusalAlertPause = Interval.minutes(1)
    /// Refusals of one sender that are counted; beyond that there are as many.
    static let refusalCount = 1_000_000_000
    /// Senders whose refusals are told apart; all others share one entry.
    static let refusedSenders = 1000

    /// The most bytes of a message on a topic; nil for a topic that no device may write.
    static func bytes(_ topic: Topic) -> Int? {
        switch topic {
        case .presence: Presence.byteLimit
        case .reported: Reported.byteLimit
        case .need, .fetch: Need.byteLimit
        case .renew: RenewalRequest.byteLimit
        case .report: Report.byteLimit
        case .sample: SampleMessage.byteLimit
        case .log: DeviceLog.byteLimit
        case .response, .desired, .ack, .command, .certificate, .roles, .time, .release, .blobMap, .chunk, .ownBlobMap,
            .ownChunk, .refused:
            nil
        }
    }
}
