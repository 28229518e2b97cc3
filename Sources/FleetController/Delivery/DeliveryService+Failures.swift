import FleetModel
import FleetStore
import FleetWire
import GRDB
import Synchronization

/// A blob that cannot be delivered for a reason of its own, such as a damaged file, holds up no other.
extension DeliveryService {
    /// Does one blob's part of a round. Its failure opens an alert and is tried again after `failurePause`; what ends
    /// the round is a broker that does not take what it is given, and a database that does not.
    ///
    /// - Parameter base: what the blob is a difference to; nil: it is a whole image.
    func isolate(_ blob: Digest, base: Digest? = nil, _ body: () async throws -> Void) async throws {
        guard !isResting(blob) else { return }
        do {
            try await body()
            held.withLock { $0.failures.succeeded(blob) }
        } catch let error where Self.endsRound(error) {
            throw error
        } catch {
            held.withLock {
                $0.failures.failed(blob, at: context.now())
                $0.mayHaveAlerts = true
            }
            context.logFailure(of: "delivery of \(blob.short)", error)
            try await tellFailure(of: blob, base: base, error)
        }
    }

    /// Whether the blob's last attempt failed a short while ago.
    func isResting(_ blob: Digest) -> Bool {
        held.withLock { $0.failures.isResting(blob, at: context.now()) }
    }

    static func endsRound(_ error: any Error) -> Bool {
        error is CancellationError || error is DatabaseError || (error as? ControllerError)?.code == .unavailable
    }

    private static let fingerprintStart = "delivery/"

    private func tellFailure(of blob: Digest, base: Digest?, _ error: any Error) async throws {
        let now = context.now()
        let minutes = DeliveryLimits.failurePause.milliseconds / 60_000
        let effect =
            base == nil
            ? "Devices keep what they run, and are told of no release that needs it."
            : "Devices pull the whole image instead."
        let condition = AlertCondition(
            fingerprint: Self.fingerprintStart + blob.hex, kind: .delivery,
            severity: base == nil ? .critical : .warning, subject: blob.short,
            title: base == nil ? "An image cannot be delivered" : "A difference between images cannot be delivered",
            reason: "\(error)",
            action: "\(effect) Mend what the reason names; it is tried again every \(minutes) minutes.")
        try await context.write { database, changes in
            try AlertBook.open(database, condition, at: now, changes: &changes)
        }
    }

    /// Closes the alerts of blobs that were delivered since, or that nobody needs any more.
    func closeAlerts(_ needs: DeliveryNeeds) async throws {
        guard held.withLock({ $0.isAudited && $0.mayHaveAlerts }) else { return }
        let now = context.now()
        let (byRequest, resting) = held.withLock { ($0.byRequest, $0.failures.resting(at: now)) }
        let waiting = Set(needs.unencoded + needs.blobs.map(\.blob)).subtracting(byRequest).union(resting)
        let isAnyOpen = try await context.write { database, changes in
            let open: [String] = try database.values(
                "SELECT fingerprint FROM alert WHERE closedAt IS NULL AND fingerprint LIKE ?",
                [Self.fingerprintStart + "%"])
            let over = open.filter { fingerprint in
                let blob = Digest(hex: fingerprint.dropFirst(Self.fingerprintStart.count))
                return !(blob.map(waiting.contains) ?? false)
            }
            for fingerprint in over {
                try AlertBook.close(database, fingerprint: fingerprint, at: now, changes: &changes)
            }
            return over.count < open.count
        }
        held.withLock { $0.mayHaveAlerts = isAnyOpen || !$0.failures.resting(at: now).isEmpty }
    }
}
