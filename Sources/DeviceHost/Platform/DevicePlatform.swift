package import DeviceCore
import FleetCrypto
package import FleetModel
package import MQTTTransport

/// Everything below a device: its loop and network, clocks, disk, chance and cryptography. `martlet-agent` stands on
/// the operating system; VirtualFleet puts a simulated one in its place, and the same device runs on it.
package struct DevicePlatform: Sendable {
    package var loop: any DeviceLoop
    package var time: any TimeSource
    package var files: any DeviceFiles
    package var randomBytes: @Sendable (_ count: Int) throws(DeviceError) -> [UInt8]
    package var trust: TrustFunctions
    /// Remembers in a device's folder which release was at work when the process ended.
    package var makeMarker: @Sendable (_ folder: String) -> any CrashMarker = { _ in NoMarker() }
    /// Bytes of memory that the process may still take; nil if that is not known.
    package var availableMemory: @Sendable () -> Int? = { nil }
    /// The process that an update of the agent replaces; nil: it cannot be.
    package var program: (any AgentProgram)?
    /// Whether a damaged database is set aside and begun anew, and one on a read-only disk is read alone. A simulation
    /// wants to see the damage instead.
    package var mendsStore = false
    /// After this time without use the database is closed until it is needed again: where thousands of devices live in
    /// one process, what SQLite keeps for an open file is most of what an idle one costs. nil: it stays open.
    package var storeRestsAfter: Interval?
    /// Bugs that a simulation plants to prove that its checkers see. Empty anywhere else.
    package var bugs: PlantedBugs

    package init(
        loop: any DeviceLoop, time: any TimeSource, files: any DeviceFiles,
        randomBytes: @escaping @Sendable (Int) throws(DeviceError) -> [UInt8], trust: TrustFunctions = .system,
        bugs: PlantedBugs = []
    ) {
        self.loop = loop
        self.time = time
        self.files = files
        self.randomBytes = randomBytes
        self.trust = trust
        self.bugs = bugs
    }

    /// The operating system's own.
    package static func system(loop: MQTTLoop) -> DevicePlatform {
        var platform = DevicePlatform(
            loop: loop, time: SystemTime(), files: SystemFiles(),
            randomBytes: { count throws(DeviceError) in
                do throws(CryptoError) { return try SecureRandom.bytes(count) } catch {
                    throw DeviceError(.cryptoFailed, error.context)
                }
            })
        platform.makeMarker = { folder in
            if let marker = MappedMarker(path: "\(folder)/at-work") { return marker }
            return NoMarker()
        }
        platform.availableMemory = { SystemMemory.availableBytes() }
        platform.mendsStore = true
        return platform
    }
}

extension TrustFunctions {
    /// SHA-256 and Ed25519 of libcrypto.
    package static var system: TrustFunctions {
        TrustFunctions(hash: { SHA256.hash($0) }, verify: VerificationKey.check)
    }
}
