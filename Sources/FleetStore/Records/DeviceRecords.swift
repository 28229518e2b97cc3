public import FleetModel
public import Foundation
public import GRDB

/// The place that a device serves; its history survives the device's replacement.
public struct StationRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord, Identifiable {
    public static let databaseTableName = "station"

    public var id: StationID
    public var description: String
    public var createdAt: Instant

    public init(id: StationID, description: String = "", createdAt: Instant) {
        self.id = id
        self.description = description
        self.createdAt = createdAt
    }
}

/// A device as the controller knows it.
public struct DeviceRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord, Identifiable {
    public static let databaseTableName = "device"

    public var id: DeviceID
    public var station: StationID?
    /// Hardware name that releases may be bound to.
    public var hardware: String
    /// Raw Ed25519 public key that its receipts are verified with, 32 bytes.
    public var signingKey: Data
    /// Serial number of its certificate, hexadecimal.
    public var certificateSerial: String?
    public var createdAt: Instant
    /// Since then nothing of it is accepted.
    public var revokedAt: Instant?
    public var online: Bool
    /// Names the last start of its agent.
    public var boot: String?
    /// Counts connections within the boot.
    public var session: Int64
    /// Arrival of its last message.
    public var lastSeen: Instant?
    public var agentVersion: String?
    public var runtimeVersion: String?
    public var instructionSet: String?
    public var capabilities: [String]
    /// Number of its desired document; rises with every change.
    public var generation: Int64
    /// The generation that it last said it has seen.
    public var observedGeneration: Int64
    /// The encoded `Desired` of this generation.
    public var desired: Data?
    /// The generation that the broker took last; another number means: publish.
    public var publishedGeneration: Int64

    public init(
        id: DeviceID, station: StationID? = nil, hardware: String, signingKey: Data, certificateSerial: String? = nil,
        createdAt: Instant, revokedAt: Instant? = nil, online: Bool = false, boot: String? = nil, session: Int64 = 0,
        lastSeen: Instant? = nil, agentVersion: String? = nil, runtimeVersion: String? = nil,
        instructionSet: String? = nil, capabilities: [String] = [], generation: Int64 = 0,
        observedGeneration: Int64 = 0, desired: Data? = nil, publishedGeneration: Int64 = 0
    ) {
        self.id = id
        self.station = station
        self.hardware = hardware
        self.signingKey = signingKey
        self.certificateSerial = certificateSerial
        self.createdAt = createdAt
        self.revokedAt = revokedAt
        self.online = online
        self.boot = boot
        self.session = session
        self.lastSeen = lastSeen
        self.agentVersion = agentVersion
        self.runtimeVersion = runtimeVersion
        self.instructionSet = instructionSet
        self.capabilities = capabilities
        self.generation = generation
        self.observedGeneration = observedGeneration
        self.desired = desired
        self.publishedGeneration = publishedGeneration
    }
}

/// One tag of a device.
public struct DeviceTagRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "device_tag"

    public var device: DeviceID
    public var key: String
    public var value: String

    public init(device: DeviceID, key: String, value: String) {
        self.device = device
        self.key = key
        self.value = value
    }
}

/// What a slot of a device should run and what it says it runs.
public struct DeviceSlotRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "device_slot"

    public var device: DeviceID
    public var slot: SlotName
    public var desiredRelease: Digest?
    public var activation: ActivationCondition
    /// The device gives up fetching after this.
    public var deadline: Instant?
    /// The rollout that set the desired release.
    public var rollout: Int64?
    public var phase: InstallPhase
    public var target: Digest?
    /// Share of the phase that is done, 0...1.
    public var progress: Double
    public var failure: InstallFailure?
    public var detail: String
    /// The release that runs.
    public var champion: Digest?
    /// The release that it would return to.
    public var previous: Digest?
    public var reportedAt: Instant?

    public init(
        device: DeviceID, slot: SlotName, desiredRelease: Digest? = nil, activation: ActivationCondition = .now,
        deadline: Instant? = nil, rollout: Int64? = nil, phase: InstallPhase = .idle, target: Digest? = nil,
        progress: Double = 0, failure: InstallFailure? = nil, detail: String = "", champion: Digest? = nil,
        previous: Digest? = nil, reportedAt: Instant? = nil
    ) {
        self.device = device
        self.slot = slot
        self.desiredRelease = desiredRelease
        self.activation = activation
        self.deadline = deadline
        self.rollout = rollout
        self.phase = phase
        self.target = target
        self.progress = progress
        self.failure = failure
        self.detail = detail
        self.champion = champion
        self.previous = previous
        self.reportedAt = reportedAt
    }
}
