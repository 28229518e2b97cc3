import FleetModel
import FleetWire

/// Bounds on what goes out to the broker.
enum DeliveryLimits {
    /// Chunks that the broker has not acknowledged yet.
    static let chunksInFlight = 16
    /// Desired documents that the broker has not acknowledged yet.
    static let documentsInFlight = 64
    /// How often delivery looks for work when nothing wakes it.
    static let pause = Duration.seconds(5)
    /// A chunk is seeded again at most this often, however many devices ask for it: one publication serves all.
    static let reseedPause = Interval.seconds(5)
    /// Chunks whose last re-seeding is remembered.
    static let reseedMemory = 4096
    /// Chunks seeded again for one request.
    static let reseedChunks = 1024
    /// The audit of a broker takes it as silent after this long without a retained message.
    static let auditSilence = Duration.milliseconds(500)
    /// An audit's single question waits at most this long.
    static let auditPatience = Duration.seconds(10)
    /// Chunks sent for one `fetch`: it asks for what a page lacks.
    static let fetchChunks = WireLimits.pageChunks
    /// Requests of one device that wait for an answer: for a map, or for its two open pages, and once again.
    static let fetchesPerDevice = 4
    /// Devices whose requests wait for an answer.
    static let fetchingDevices = 4096
    /// A blob whose delivery failed, or a difference that could not be made, is tried again after this long.
    static let failurePause = Interval.minutes(5)
    /// How often it is looked for pairs of images whose difference is missing.
    static let deltaPause = Duration.seconds(5)
    /// Differences that are made to one image: from the bases that most devices run.
    static let deltasPerImage = 8
    /// Tenths of an image's own blob that a difference must stay below to be worth its while.
    static let deltaTenths = 9
}
