import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Logging
import MQTTTransport
import Synchronization

/// Keeps the broker's retained messages equal to what the database says they should be.
///
/// It is a level, not a queue: each round compares and publishes what is missing, so that it does not matter when a
/// wakeup, a connection or the process itself was lost. Order within a round: trust, blobs, releases, and only then
/// the desired documents that speak of them.
final class DeliveryService: Sendable {
    /// What this connection's broker is known to hold.
    struct Held: Sendable {
        /// Counts the connections of this process.
        var connection = 0
        var isAudited = false
        var roles: Int64?
        /// When the time was given last.
        var time: Instant?
        var releases: Set<Digest> = []
        /// Images that do not fit below the cap on retained bytes: devices ask for their chunks.
        var byRequest: Set<Digest> = []
        /// Blobs that could not be delivered.
        var failures = RecentFailures<Digest>()
        /// Alerts of failed blobs may be open: of this connection or of one before.
        var mayHaveAlerts = true
    }

    let context: ControllerContext
    let link: any BrokerLink
    let wakeup: Wakeup
    let topics: Topics
    let inbox = AuditInbox()
    let held = Mutex(Held())
    let background: BackgroundWork
    let reseeds = Mutex(ReseedLimiter())
    /// See `DeliveryLimits.auditSilence`; a simulated broker answers at once.
    let auditSilence: Duration

    init(
        context: ControllerContext, link: any BrokerLink, wakeup: Wakeup,
        auditSilence: Duration = DeliveryLimits.auditSilence
    ) {
        self.auditSilence = auditSilence
        self.context = context
        background = BackgroundWork("encoding", context: context)
        self.link = link
        self.wakeup = wakeup
        topics = Topics(prefix: context.configuration.topicPrefix)
    }

    /// The connection is new: nothing is known of what the broker holds.
    func connected() {
        held.withLock { $0 = Held(connection: $0.connection + 1) }
        wakeup.wake()
    }

    /// Delivers until the task is cancelled.
    func run() async {
        await wakeup.run(atLeastEvery: DeliveryLimits.pause) {
            guard self.link.isConnected else { return }
            do { try await self.round() } catch {
                self.context.logFailure(of: "delivery", error)
            }
        }
    }

    /// Publishes what is missing.
    func round() async throws {
        if !held.withLock({ $0.isAudited }) { try await audit() }
        var needs = try await needs()
        try await publishRoles(needs.roles)
        try await publishTime()
        // What is encoded is published next, and what was published lets releases go.
        if !needs.unencoded.allSatisfy(isResting) {
            try await encode(needs.unencoded)
            needs = try await self.needs()
        }
        try await publishBlobs(needs.blobs, retained: needs.retainedBytes)
        if !needs.blobs.allSatisfy({ isResting($0.blob) }) { needs = try await self.needs() }
        try await publishReleases(needs.releases)
        try await publishDesired(try await told(needs))
        try await clearManifests(needs.retired)
        try await clear(needs.unused)
        try await closeAlerts(needs)
    }

    /// What the database says the broker may lack or hold for nothing.
    func needs() async throws -> DeliveryNeeds {
        let grace = context.configuration.retainedGrace
        let before = context.now().advanced(by: Interval(milliseconds: -grace.milliseconds))
        return try await context.read { try DeliveryNeeds($0, retiredBefore: before) }
    }

    // MARK: Trust and releases

    private func publishRoles(_ document: TrustDocumentRecord?) async throws {
        guard let document, held.withLock({ $0.roles }) != document.number else { return }
        try await deliver(.roles, [UInt8](document.message), priority: .control)
        held.withLock {
            $0.roles = document.number
            $0.time = nil
        }
    }

    /// The time follows the roles that say whose word on it counts, at every connect, and from then on at its interval.
    private func publishTime() async throws {
        let (now, interval) = (context.now(), context.configuration.timeInterval)
        guard interval > .seconds(0) else { return }
        let last = held.withLock { $0.time }
        if let last, now >= last, now.since(last) < interval { return }
        guard let roles = try await context.read({ try TrustRows.roles($0) }),
            let message = try ServiceKeys(context.configuration).signedTime(roles, at: now)
        else { return }
        try await deliver(.time, message, priority: .control)
        held.withLock { $0.time = now }
    }

    private func publishReleases(_ releases: [DeliveryNeeds.Release]) async throws {
        let byRequest = held.withLock { $0.byRequest }
        for release in releases where release.unpublished.allSatisfy(byRequest.contains) {
            guard let digest = release.record.digest, let signed = release.record.signed,
                !held.withLock({ $0.releases.contains(digest) })
            else { continue }
            try await deliver(.release(digest), [UInt8](signed), priority: .control)
            held.withLock { _ = $0.releases.insert(digest) }
        }
    }

    // MARK: Desired documents

    /// Devices that may be told: not those that would look for a release which an image keeps from being published.
    private func told(_ needs: DeliveryNeeds) async throws -> [DeviceRecord] {
        let published = held.withLock { $0.releases }
        let heldBack = needs.releases.compactMap(\.record.digest).filter { !published.contains($0) }
        guard !heldBack.isEmpty, !needs.devices.isEmpty else { return needs.devices }
        let waiting: Set<DeviceID> = try await context.read { database in
            let places = databaseQuestionMarks(count: heldBack.count)
            let devices: [DeviceID] = try database.values(
                """
                SELECT DISTINCT device FROM device_slot
                WHERE desiredRelease IN (\(places)) AND champion IS NOT desiredRelease
                """, StatementArguments(heldBack))
            return Set(devices)
        }
        return needs.devices.filter { !waiting.contains($0.id) }
    }

    private func publishDesired(_ waiting: [DeviceRecord]) async throws {
        guard !waiting.isEmpty else { return }
        let taken = await withTaskGroup(of: (DeviceID, Int64)?.self) { group in
            var taken: [(DeviceID, Int64)] = []
            for (index, device) in waiting.enumerated() {
                if index >= DeliveryLimits.documentsInFlight, let done = await group.next() ?? nil {
                    taken.append(done)
                }
                group.addTask { await self.publishDesired(device) }
            }
            for await done in group { if let done { taken.append(done) } }
            return taken
        }
        guard !taken.isEmpty else { return }
        let finished = taken
        try await context.write { database, _ in
            for (id, generation) in finished {
                try database.run("UPDATE device SET publishedGeneration = ? WHERE id = ?", [generation, id])
            }
        }
    }

    private func publishDesired(_ device: DeviceRecord) async -> (DeviceID, Int64)? {
        guard let document = device.desired else { return nil }
        let result = await link.publish(.desired(device.id), [UInt8](document), priority: .control)
        return result == .acknowledged ? (device.id, device.generation) : nil
    }

    /// Publishes and throws unless the broker took it.
    func deliver(_ topic: Topic, _ payload: [UInt8], priority: MQTTPriority) async throws {
        let result = await link.publish(topic, payload, priority: priority)
        switch result {
        case .acknowledged: return
        case .refused(let reason): throw ControllerError(.invalid, "the broker refused \(topic): \(reason)")
        case .sent, .dropped: throw ControllerError(.unavailable, "the broker did not take \(topic): \(result)")
        }
    }
}
