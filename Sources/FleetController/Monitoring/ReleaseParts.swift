import FleetModel
import FleetStore
import FleetWire
import GRDB
import Synchronization

/// Parts of releases by digest, decoded once: a release never changes, and a fleet runs few of them.
final class ReleaseParts: Sendable {
    /// Releases that are remembered; at one more, all are forgotten and read again as they are needed.
    static let limit = 32

    private let known = Mutex<[Digest: (name: ReleaseName, parts: [ReleasePart])]>([:])

    /// A release's name and its part for a slot; nil if there is no such release or part.
    func part(
        _ database: Database, _ digest: Digest, _ slot: SlotName
    ) throws -> (name: ReleaseName, part: ReleasePart)? {
        let found: (name: ReleaseName, parts: [ReleasePart])
        if let held = known.withLock({ $0[digest] }) {
            found = held
        } else {
            guard let release = try ReleaseRows.find(database, digest) else { return nil }
            found = (release.name, try ReleaseManifest(decoding: [UInt8](release.manifest)).parts)
            known.withLock { known in
                if known.count >= Self.limit { known = [:] }
                known[digest] = found
            }
        }
        return found.parts.first { $0.slot == slot }.map { (found.name, $0) }
    }
}
