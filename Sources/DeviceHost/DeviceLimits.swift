public import DeviceCore
public import FleetModel

/// Every bound of a device's shell. The defaults suit a small industrial computer.
public struct DeviceLimits: Sendable {
    /// Retries, starts and probation of an installation.
    public var update = UpdateLimits()
    /// Windows and time-outs of a transfer.
    public var pull = PullLimits()
    /// What may wait for the controller.
    public var spool = SpoolLimits()
    /// Largest arena of a model, in bytes.
    public var arenaBytes = 64 << 20
    /// Largest image, in bytes.
    public var imageBytes = 512 << 20
    /// Bytes that must stay free on the disk after a fetch.
    public var diskReserve = 16 << 20
    /// Pulls begin within this time, spread by a hash of the device's name.
    public var startSpread = Interval.seconds(1)
    /// Without the manifest, or an answer to a request for the map, for this long while connected, an attempt has failed.
    public var manifestTimeout = Interval.seconds(20)
    /// Without the blob's map as a retained message for this long, the controller is asked for it.
    public var mapTimeout = Interval.seconds(4)
    /// Inferences that the journal keeps; 0: there is none.
    public var journalRecords = 0
    /// Messages that were chosen to be kept are stored together after this long: one sync for many.
    public var flushDelay = Interval(milliseconds: 50)

    /// A new agent must have confirmed itself after this: connected, with every model serving, for its probation.
    public var agentConfirm = Interval.seconds(300)

    public init() {}

    /// Seconds that `agentConfirm` may be.
    static let agentConfirmRange = 4...86_400
    /// Timed inferences of a golden proof, at least.
    static let proofRuns = 25
    /// Receipts that are kept for a slot, as in `ReportedSlot`.
    static let receiptsKept = 4
    /// Journal entries of one answer of the local API.
    static let journalAnswer = 1000
    /// Between two reported states of the slots, but for the end of an installation: phases that follow each other
    /// quickly, and the tenths of a quick fetch, make one message.
    static let reportPause = Interval.seconds(2)
    /// After a report could not be closed, before the next attempt.
    static let windowPause = Interval.minutes(1)
    /// Between two attempts to make room among spooled samples.
    static let thinningPause = Interval.minutes(1)
    /// Reports and samples that are looked at when room is made.
    static let spoolScan = 1000
    /// A backlog whose sending could not be noted on disk waits for this.
    static let markPause = Interval.seconds(10)
    /// Bytes of a frame's tag.
    public static let tagBytes = 64
    /// Slots of a device.
    static let slots = 16
    /// The longest wait of a timer: a clock that was set wrong is looked at again after this.
    static let longestWait = Interval.minutes(60)
    /// Bytes read or written at a time when whole files are handled.
    static let fileBuffer = 256 << 10
    /// Bytes around the values of a sample message, counted into its cost.
    static let sampleOverhead = 256
}
