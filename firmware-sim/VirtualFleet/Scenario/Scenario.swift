public import FleetModel

/// A fleet and what it is to live through, with assertions about how it ends: what `martlet-fleet run scenario.yaml`
/// runs, and what a Swift test may build itself.
///
///     @Test("our release survives a bad night") func release() async throws {
///         let outcome = try await Scenario(file: "scenarios/night.yaml").run(seed: 7)
///         for failure in outcome.failures { Issue.record("\(failure)") }
///     }
///
/// The same scenario and seed give the same world, event by event.
public struct Scenario: Sendable {
    /// Devices that have things in common.
    public struct Group: Sendable {
        /// Devices are called `name-1`, `name-2` and so on.
        public var name: String
        /// How many.
        public var count: Int
        /// The devices' tags, by key.
        public var tags: [String: String] = [:]
        /// What the devices measure; nil takes the scenario's sensor.
        public var sensor: Sensor?
        /// The devices' own network; nil takes the scenario's.
        public var network: Weather?
        /// Bytes of each device's disk.
        public var diskBytes = 64 << 20

        /// Devices without tags, with the scenario's sensor and network.
        public init(name: String, count: Int) {
            self.name = name
            self.count = count
        }
    }

    /// A signed release and where its network comes from.
    public struct Release: Sendable {
        /// Where a release's image comes from.
        public enum Source: Hashable, Sendable {
            /// A small classifier that is sound, or one whose promised outputs are not its own.
            case builtIn(isSound: Bool)
            /// An ONNX file, compiled as the controller does it.
            case onnx(path: String)
        }

        /// What rollouts and assertions call it.
        public var name: ReleaseName
        /// Where its network comes from.
        public var source: Source

        /// A release that is signed and ready when the scenario begins.
        public init(name: ReleaseName, source: Source) {
            self.name = name
            self.source = source
        }
    }

    /// What goes wrong, and with which devices.
    public struct Trouble: Sendable {
        /// How one device's fault is made; anything else is one fault for all.
        enum Target: Sendable {
            case devices(Selector, @Sendable (Int) -> Fault.Kind)
            case everybody(Fault.Kind)
            /// As many as this, drawn from the seed, until this time in milliseconds.
            case drawn(count: Int, until: Int64)
        }

        /// Milliseconds from the beginning.
        var time: Int64
        var target: Target
    }

    /// What results call it.
    public var name: String
    /// The seed that is taken if nobody names another.
    public var seed: UInt64 = 1
    /// Milliseconds in which things go wrong; then everything heals.
    public var duration: Int64
    /// Milliseconds that devices and rollouts may take after that to come to an end.
    public var settle: Int64 = 1_200_000
    /// Milliseconds between two frames of a device.
    public var framePause: Int64 = 4000
    /// How devices report and sample.
    public var policy: DevicePolicy
    /// What the releases were trained on, and what devices measure unless their group says otherwise.
    public var sensor = Sensor()
    /// What the network does to messages.
    public var network = Weather()
    /// The fleet.
    public var groups: [Group]
    /// Everything that can be rolled out.
    public var releases: [Release]
    /// What is rolled out when.
    public var rollouts: [PlannedRollout]
    /// What goes wrong when.
    public var troubles: [Trouble] = []
    /// What must hold in the end.
    public var expectations: [Expectation]

    /// A scenario without faults: add them to `troubles`.
    public init(
        name: String, duration: Int64, groups: [Group], releases: [Release], rollouts: [PlannedRollout],
        expectations: [Expectation]
    ) {
        self.name = name
        self.duration = duration
        policy = Fixture.policy()
        self.groups = groups
        self.releases = releases
        self.rollouts = rollouts
        self.expectations = expectations
    }

    /// Lives through it once.
    ///
    /// - Parameter seed: decides everything that is left to chance; nil takes the scenario's own.
    /// - Throws: a model that cannot be read or compiled, a name that is not one.
    public func run(seed: UInt64? = nil) async throws -> ScenarioOutcome {
        try await prepared().run(seed: seed ?? self.seed)
    }

    /// Makes keys, devices and signed releases once, for many runs.
    public func prepared() async throws -> PreparedScenario { try await PreparedScenario(self) }

    /// Bounds on what a scenario may ask for.
    public enum Limits {
        /// Devices of all groups together.
        public static let devices = 500
        /// Groups of devices.
        public static let groups = 32
        /// Tags of a group.
        public static let tags = 16
        /// Releases.
        public static let releases = 16
        /// Rollouts.
        public static let rollouts = 32
        /// Entries of `faults`, and faults that one entry draws.
        public static let troubles = 200
        /// Faults after every selector was resolved.
        public static let faults = 5000
        /// Assertions.
        public static let expectations = 100
        /// A week, in milliseconds.
        public static let duration: Int64 = 7 * 24 * 3_600_000
    }
}

/// Why a scenario cannot be run.
public struct ScenarioError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Stable codes for programs.
    public enum Code: String, Hashable, Sendable {
        case unreadable, tooMany, noDevice, badModel
    }

    /// What kind of mistake.
    public let code: Code
    /// What it happened to, for people.
    public let context: String

    init(_ code: Code, _ context: String) {
        self.code = code
        self.context = context
    }

    public var description: String { "\(code.rawValue): \(context)" }
}
