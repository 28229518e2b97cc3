public import Foundation
public import MQTTTransport

/// How the controller's private broker is set up.
public struct BrokerConfiguration: Sendable {
    /// The controller's data folder; the broker's files live in `broker/` below it.
    public var dataFolder: URL
    /// Address to listen on. Default 127.0.0.1; `0.0.0.0` or an interface's address lets devices of the network in.
    public var address: String
    /// TCP port, 1…65535, or nil: a free one at the first start, remembered in `broker/broker.json`.
    public var port: Int?
    /// More names and addresses that devices dial; 127.0.0.1, ::1, localhost and this machine's name are always covered.
    public var serverNames: [String]
    /// What every topic starts with. Default `martlet/v1/`.
    public var topicPrefix: String
    /// Largest payload that the broker takes, 64 KiB…256 MiB. Default 4 MiB: the largest blob map (2 MiB) with room.
    public var maximumMessageBytes: Int
    /// Messages that wait for one client, 1,000…10,000,000. Default 100,000: mosquitto drops silently past it, and a
    /// wildcard subscription to retained messages reaches its own default of 1,000 at once.
    public var maximumQueuedMessages: Int
    /// QoS 1 messages under way to one client, 1…65,535. Default 20.
    public var maximumInflightMessages: Int
    /// Seconds between writes of retained messages to disk, 1…86,400. Default 30; a crash loses what came after, and the
    /// controller publishes it again.
    public var autosaveSeconds: Int
    /// The guard (broker-guard/), a plugin that tells of what the broker refuses. Default nil: nobody is told.
    public var guardPlugin: String?
    /// Whether the broker ends with `run`. Default true. A killed controller's broker lives on in any case.
    public var stopsWithController: Bool
    /// Pauses between attempts to start a broker that died.
    public var restartBackoff: BackoffPolicy

    public init(
        dataFolder: URL, address: String = "127.0.0.1", port: Int? = nil, serverNames: [String] = [],
        topicPrefix: String = "martlet/v1/", maximumMessageBytes: Int = 4 << 20, maximumQueuedMessages: Int = 100_000,
        maximumInflightMessages: Int = 20, autosaveSeconds: Int = 30, guardPlugin: String? = nil,
        stopsWithController: Bool = true,
        restartBackoff: BackoffPolicy = BackoffPolicy(firstMilliseconds: 200, maximumMilliseconds: 30_000)
    ) {
        self.dataFolder = dataFolder
        self.address = address
        self.port = port
        self.serverNames = serverNames
        self.topicPrefix = topicPrefix
        self.maximumMessageBytes = maximumMessageBytes
        self.maximumQueuedMessages = maximumQueuedMessages
        self.maximumInflightMessages = maximumInflightMessages
        self.autosaveSeconds = autosaveSeconds
        self.guardPlugin = guardPlugin
        self.stopsWithController = stopsWithController
        self.restartBackoff = restartBackoff
    }

    var folder: URL { dataFolder.appending(path: "broker", directoryHint: .isDirectory) }

    /// Names that the broker's certificate carries.
    var certificateNames: [String] {
        var names = ["127.0.0.1", "::1", "localhost"]
        let ownName = ProcessInfo.processInfo.hostName
        for name in [ownName, address] + serverNames
        where !names.contains(name) && !["0.0.0.0", "::", ""].contains(name) {
            names.append(name)
        }
        return names
    }

    /// The address that the controller itself dials.
    var dialledAddress: String { ["0.0.0.0", "::"].contains(address) ? "127.0.0.1" : address }

    func validate() throws {
        func require(_ condition: Bool, _ name: String, _ range: String) throws {
            if !condition { throw ControllerError(.invalid, "broker.\(name) is out of range", hint: "use \(range)") }
        }
        try require(port.map { (1...65_535).contains($0) } ?? true, "port", "1…65535")
        try require(((64 << 10)...(256 << 20)).contains(maximumMessageBytes), "maximumMessageBytes", "65536…268435456")
        try require((1000...10_000_000).contains(maximumQueuedMessages), "maximumQueuedMessages", "1000…10000000")
        try require((1...65_535).contains(maximumInflightMessages), "maximumInflightMessages", "1…65535")
        try require((1...86_400).contains(autosaveSeconds), "autosaveSeconds", "1…86400")
        let isTopic = topicPrefix.hasSuffix("/") && !topicPrefix.contains { "#+ \n%".contains($0) }
        try require(isTopic, "topicPrefix", "topic levels that end with '/', without # + % or blanks")
        let isAddress = !address.isEmpty && !address.contains { $0.isWhitespace }
        try require(isAddress, "address", "an address of this machine, for example 127.0.0.1")
    }
}
