import FleetModel
import FleetStore
import Synchronization

/// An image that cannot be delivered for a reason of its own, such as a damaged file, holds up no other.
extension DeliveryService {
    /// Does one image's part of a round. Its failure opens an alert and is tried again after `failedImagePause`; what ends
    /// the round is a broker that does not take what it is given.
    func isolate(_ image: Digest, _ body: () async throws -> Void) async throws {
        guard !isResting(image) else { return }
        do {
            try await body()
        } catch let error where Self.endsRound(error) {
            throw error
        } catch {
            held.withLock { $0.failed[image] = context.now() }
            context.logFailure(of: "delivery of image \(image.short)", error)
            return try await tellFailure(of: image, error)
        }
        held.withLock { $0.failed[image] = nil }
        try await closeFailure(of: image)
    }

    private func isResting(_ image: Digest) -> Bool {
        guard let failedAt = held.withLock({ $0.failed[image] }) else { return false }
        let now = context.now()
        return now >= failedAt && now.since(failedAt) < DeliveryLimits.failedImagePause
    }

    private static func endsRound(_ error: any Error) -> Bool {
        error is CancellationError || (error as? ControllerError)?.code == .unavailable
    }

    private func fingerprint(_ image: Digest) -> String { "delivery/\(image.hex)" }

    private func tellFailure(of image: Digest, _ error: any Error) async throws {
        let now = context.now()
        let condition = AlertCondition(
            fingerprint: fingerprint(image), kind: .delivery, severity: .critical, subject: image.short,
            title: "An image cannot be delivered", reason: "\(error)",
            action: """
                Devices keep what they run. Mend what the reason names; it is tried again every \
                \(DeliveryLimits.failedImagePause.milliseconds / 60_000) minutes, and at once after a restart.
                """)
        try await context.write { database, changes in
            try AlertBook.open(database, condition, at: now, changes: &changes)
        }
    }

    private func closeFailure(of image: Digest) async throws {
        let (fingerprint, now) = (fingerprint(image), context.now())
        guard try await context.read({ try AlertBook.openAlert($0, fingerprint) }) != nil else { return }
        try await context.write { database, changes in
            try AlertBook.close(database, fingerprint: fingerprint, at: now, changes: &changes)
        }
    }
}
