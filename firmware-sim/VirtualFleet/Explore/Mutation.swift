import FleetModel

/// A bug that can be planted into every device or controller of a world, to see whether the checkers see it.
public enum Mutation: String, CaseIterable, Sendable {
    case skipSync = "skip-sync"
    case equalCounter = "equal-counter"
    case oneSignature = "one-signature"
    case unverifiedChunk = "unverified-chunk"
    case unverifiedImage = "unverified-image"
    case believedBits = "believed-bits"
    case deleteBeforeAck = "delete-before-ack"
    case ackBeforeCommit = "ack-before-commit"
    case countTwice = "count-twice"
    case activateUnproved = "activate-unproved"
    case forgetPrevious = "forget-previous"
    case loseGeneration = "lose-generation"
    case wakeInVain = "wake-in-vain"

    /// What the bug does, in a line.
    public var summary: String {
        switch self {
        case .skipSync: "the device's database does not sync its commits"
        case .equalCounter: "a manifest with the counter of an accepted release is trusted"
        case .oneSignature: "one signature is enough"
        case .unverifiedChunk: "chunks are written whatever their digest is"
        case .unverifiedImage: "an image gets its name without being hashed"
        case .believedBits: "after a start the chunks that the bitmap speaks of are not hashed"
        case .deleteBeforeAck: "reports and samples are deleted when they are sent"
        case .ackBeforeCommit: "the controller acknowledges before it commits"
        case .countTwice: "a repeated report is stored once more"
        case .activateUnproved: "a candidate serves without its golden proof"
        case .forgetPrevious: "a commit forgets the release before"
        case .loseGeneration: "an older desired document replaces a newer one"
        case .wakeInVain: "on a full disk a device is awake all the time, and gets nowhere"
        }
    }

    var bug: PlantedBugs {
        switch self {
        case .skipSync: .skipSync
        case .equalCounter: .equalCounter
        case .oneSignature: .oneSignature
        case .unverifiedChunk: .unverifiedChunk
        case .unverifiedImage: .unverifiedImage
        case .believedBits: .believedBits
        case .deleteBeforeAck: .deleteBeforeAck
        case .ackBeforeCommit: .ackBeforeCommit
        case .countTwice: .countTwice
        case .activateUnproved: .activateUnproved
        case .forgetPrevious: .forgetPrevious
        case .loseGeneration: .loseGeneration
        case .wakeInVain: .wakeInVain
        }
    }
}
