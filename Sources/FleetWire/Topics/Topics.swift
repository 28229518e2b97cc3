public import FleetModel

/// Topics and subscription filters under one prefix.
public struct Topics: Hashable, Sendable {
    /// The prefix of protocol version 1, with its slash.
    public static let standardPrefix = "martlet/v1/"

    /// What every topic starts with; ends with a slash unless empty.
    public let prefix: String

    /// Topics under `prefix`: several fleets may share a broker.
    public init(prefix: String = Self.standardPrefix) {
        self.prefix = prefix.isEmpty || prefix.hasSuffix("/") ? prefix : prefix + "/"
    }

    /// The full name of a topic.
    public func text(_ topic: Topic) -> String { prefix + topic.path }

    /// Reads a full topic name as a broker delivers it.
    ///
    /// - Throws: `WireError.Code.unknownTopic`.
    public func parse(_ text: String) throws(WireError) -> Topic {
        var name = text
        guard let topic = name.withUTF8({ topic(named: UnsafeRawBufferPointer($0)) }) else {
            throw WireError(.unknownTopic, String(text.prefix(80)))
        }
        return topic
    }

    /// Reads a full topic name where it lies; nil if it is none of ours.
    public func topic(named name: UnsafeRawBufferPointer) -> Topic? {
        let prefix = prefix.utf8
        guard name.count <= WireLimits.topicBytes, name.starts(with: prefix) else { return nil }
        return Topic(path: UnsafeRawBufferPointer(rebasing: name[prefix.count...]))
    }

    // MARK: Filters of a device

    /// Everything said to one device.
    public func down(_ device: DeviceID) -> String { prefix + "dev/\(device)/dn/+" }
    /// Roles and time.
    public var trust: String { prefix + "trust/+" }
    /// The chunks of one page.
    public func page(_ blob: Digest, _ page: Int) -> String { prefix + "blob/\(blob)/c/\(page)/+" }

    /// Everything of one blob that is sent to one device alone.
    public func ownBlob(_ device: DeviceID, _ blob: Digest) -> String { prefix + "dev/\(device)/dn/blob/\(blob)/#" }

    // MARK: Filters of the controller

    /// Everything that devices say.
    public var allUp: String { prefix + "dev/+/up/+" }
    /// What devices say of their slots.
    public var allReported: String { prefix + "dev/+/up/reported" }
    /// What the broker refused to anybody.
    public var refused: String { text(.refused) }
    /// What the controller itself keeps retained for devices, for its audit after a reconnect.
    public var allDesired: String { prefix + "dev/+/dn/desired" }
    public var allReleases: String { prefix + "release/+" }
    public var allBlobMaps: String { prefix + "blob/+/m" }
    /// Every chunk of one blob. A slow reader loses messages past the broker's queue: for audits, not for pulling.
    public func chunks(of blob: Digest) -> String { prefix + "blob/\(blob)/c/+/+" }
}

extension Topic {
    /// The full name under the standard prefix.
    public var text: String { Topics().text(self) }

    /// Reads a full name under the standard prefix.
    public init(parsing text: String) throws(WireError) { self = try Topics().parse(text) }

    /// The device that a `dev/…` topic belongs to.
    public var device: DeviceID? {
        switch self {
        case .presence(let device), .reported(let device), .need(let device), .report(let device), .sample(let device),
            .log(let device), .response(let device), .fetch(let device), .renew(let device), .desired(let device),
            .ack(let device),
            .command(let device), .certificate(let device), .ownBlobMap(let device, _), .ownChunk(let device, _, _, _):
            device
        case .roles, .time, .release, .blobMap, .chunk, .refused: nil
        }
    }

    /// Whether the broker keeps the last message for later subscribers.
    public var isRetained: Bool {
        switch self {
        case .presence, .reported, .desired, .roles, .time, .release, .blobMap, .chunk: true
        case .need, .report, .sample, .log, .response, .fetch, .renew, .ack, .command, .certificate, .ownBlobMap,
            .ownChunk,
            .refused:
            false
        }
    }
}
