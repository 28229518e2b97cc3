/// Bugs that VirtualFleet plants into a simulated device or controller, one at a time: each must be caught by the
/// simulation's checkers, which proves that they can see.
///
/// Only code of this package can make one, and TidyTests see to it that VirtualFleet alone does: agent and controller
/// always run with the empty set.
package struct PlantedBugs: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The device's database does not sync what it commits.
    package static let skipSync = Self(rawValue: 1 << 0)
    /// A manifest with the counter of another accepted release is trusted.
    package static let equalCounter = Self(rawValue: 1 << 1)
    /// Chunks are written whatever their digest is.
    package static let unverifiedChunk = Self(rawValue: 1 << 2)
    /// Samples and reports are deleted when they are sent.
    package static let deleteBeforeAck = Self(rawValue: 1 << 3)
    /// A candidate serves without its golden proof.
    package static let activateUnproved = Self(rawValue: 1 << 4)
    /// A commit forgets the release before.
    package static let forgetPrevious = Self(rawValue: 1 << 5)
    /// After a start the bits of a pull are believed: nothing that they speak of is hashed.
    package static let believedBits = Self(rawValue: 1 << 6)
    /// An older desired document replaces a newer one.
    package static let loseGeneration = Self(rawValue: 1 << 7)
    /// The controller acknowledges before it commits.
    package static let ackBeforeCommit = Self(rawValue: 1 << 8)
    /// A repeated report is stored once more.
    package static let countTwice = Self(rawValue: 1 << 9)
    /// An image gets its name without being hashed.
    package static let unverifiedImage = Self(rawValue: 1 << 10)
    /// Whoever signed: a manifest is trusted with one signature.
    package static let oneSignature = Self(rawValue: 1 << 11)
    /// A slot asks to be woken at once for what a failed store holds back, again and again.
    package static let wakeInVain = Self(rawValue: 1 << 12)
}
