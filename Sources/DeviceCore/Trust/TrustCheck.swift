public import FleetModel
import FleetWire

/// Why a signed document was refused.
public struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
    public let failure: InstallFailure
    /// For people: what was found and what was expected.
    public let detail: String

    public init(_ failure: InstallFailure, _ detail: String) {
        self.failure = failure
        self.detail = detail
    }

    public var description: String { "\(failure.rawValue): \(detail)" }
}

/// The two functions of cryptography that trust rests on, given by the shell.
public struct TrustFunctions: Sendable {
    /// SHA-256 of the bytes.
    public var hash: @Sendable ([UInt8]) -> Digest
    /// Whether the Ed25519 `signature` by `publicKey` over `message` holds (RFC 8032).
    public var verify: @Sendable (_ publicKey: [UInt8], _ signature: [UInt8], _ message: [UInt8]) -> Bool

    public init(
        hash: @escaping @Sendable ([UInt8]) -> Digest,
        verify: @escaping @Sendable (_ publicKey: [UInt8], _ signature: [UInt8], _ message: [UInt8]) -> Bool
    ) {
        self.hash = hash
        self.verify = verify
    }
}

/// What a device knows of itself when it judges a release.
public struct DeviceFitness: Sendable {
    public var device: DeviceID
    public var tags: [String: String]
    public var hardware: String
    public var runtimeVersion: String
    /// Largest arena that the device gives a model, in bytes.
    public var arenaLimit: Int
    /// Largest image that the device stores, in bytes.
    public var imageLimit: Int

    public init(
        device: DeviceID, tags: [String: String], hardware: String, runtimeVersion: String, arenaLimit: Int,
        imageLimit: Int
    ) {
        self.device = device
        self.tags = tags
        self.hardware = hardware
        self.runtimeVersion = runtimeVersion
        self.arenaLimit = arenaLimit
        self.imageLimit = imageLimit
    }
}

/// The device's own judgement of signed documents, with the controller and the broker assumed hostile: they can
/// withhold, but they cannot make anything run. Pure; each refusal has a code that the device reports.
public struct TrustCheck: Sendable {
    public let functions: TrustFunctions

    let bugs: PlantedBugs

    public init(functions: TrustFunctions) { self.init(functions: functions, bugs: []) }

    package init(functions: TrustFunctions, bugs: PlantedBugs) {
        self.functions = functions
        self.bugs = bugs
    }

    // MARK: Releases

    /// Reads a release manifest and applies every check that needs no image.
    ///
    /// - Parameters:
    ///   - digest: the digest that was asked for.
    ///   - state: of the slot that would run it: counters and places to return to.
    public func release(
        _ message: [UInt8], digest: Digest, slot: SlotName, state: SlotState, roles: TrustRoles,
        fitness: DeviceFitness, at now: Instant
    ) throws(Refusal) -> ReleaseManifest {
        guard functions.hash(message) == digest else {
            throw Refusal(.wrongDigest, "the manifest is not the one that was asked for")
        }
        let isReturn = Self.isReturn(digest, state: state)
        guard isReturn || now < roles.expires else {
            throw Refusal(.expired, "role document \(roles.number) has expired")
        }
        let (manifest, delegation) = try signed(message, roles: roles, at: now)
        if let fault = ManifestCheck.fault(in: manifest) { throw Refusal(.malformedManifest, fault) }
        guard let part = manifest.part(for: slot) else {
            throw Refusal(.malformedManifest, "the release has no part for slot \(slot)")
        }
        // What runs, or ran, keeps its right to run; only something new can be too late or too old.
        if !isReturn {
            guard now < manifest.expires else { throw Refusal(.expired, "\(manifest.name) has expired") }
            try checkCounter(of: manifest, part, digest: digest, state: state)
        }
        if let delegation { try check(delegation, allows: manifest, on: fitness) }
        try Self.checkFitness(of: manifest, part, fitness)
        return manifest
    }

    /// The champion itself, or a release that the champion's manifest lets the device return to and that it once
    /// committed: nothing new can enter this way.
    static func isReturn(_ digest: Digest, state: SlotState) -> Bool {
        if digest == state.champion?.release { return true }
        return state.champion?.mayReturnTo.contains(digest) == true && state.committed.contains(digest)
    }

    private func checkCounter(
        of manifest: ReleaseManifest, _ part: ReleasePart, digest: Digest, state: SlotState
    ) throws(Refusal) {
        guard let accepted = state.accepted[part.version.model] else { return }
        // The newest accepted release may be tried again under its own counter, and no other.
        let isTheSame = digest == accepted.release || bugs.contains(.equalCounter)
        if manifest.counter == accepted.counter, isTheSame { return }
        guard manifest.counter > accepted.counter else {
            throw Refusal(.oldCounter, "counter \(manifest.counter), accepted was \(accepted.counter)")
        }
    }

    private static func checkFitness(
        of manifest: ReleaseManifest, _ part: ReleasePart, _ fitness: DeviceFitness
    ) throws(Refusal) {
        let compatibility = manifest.compatibility
        guard compatibility.hardware.isEmpty || compatibility.hardware.contains(fitness.hardware) else {
            throw Refusal(
                .wrongHardware, "for \(compatibility.hardware.joined(separator: ", ")), this is \(fitness.hardware)")
        }
        guard let needed = RuntimeVersion(compatibility.runtime), let present = RuntimeVersion(fitness.runtimeVersion),
            needed <= present
        else {
            throw Refusal(.oldRuntime, "needs runtime \(compatibility.runtime), this is \(fitness.runtimeVersion)")
        }
        try checkScope(of: manifest, fitness)
        guard part.image.arenaBytes <= fitness.arenaLimit else {
            throw Refusal(.arenaTooLarge, "arena of \(part.image.arenaBytes) bytes, limit \(fitness.arenaLimit)")
        }
        guard part.image.bytes <= fitness.imageLimit else {
            throw Refusal(.noSpace, "image of \(part.image.bytes) bytes, limit \(fitness.imageLimit)")
        }
    }

    private static func checkScope(of manifest: ReleaseManifest, _ fitness: DeviceFitness) throws(Refusal) {
        guard !manifest.scope.isEmpty else { return }
        let fits = manifest.scope.contains { text in
            (try? Selector(text))?.matches(fitness.device, tags: fitness.tags) ?? false
        }
        guard fits else {
            throw Refusal(.outOfScope, "only for \(manifest.scope.joined(separator: " or "))")
        }
    }

    static func read<Value>(
        _ what: String, _ body: () throws(WireError) -> Value
    ) throws(Refusal) -> Value {
        do { return try body() } catch {
            guard error.code == .tooFewSignatures else { throw Refusal(.malformedManifest, "\(what): \(error)") }
            throw Refusal(.badSignature, error.context)
        }
    }
}

/// `major.minor.patch`, compared by number.
struct RuntimeVersion: Comparable {
    private let parts: [Int]

    init?(_ text: String) {
        let texts = text.split(separator: ".", omittingEmptySubsequences: false)
        parts = texts.compactMap { Int($0) }
        guard texts.count == 3, parts.count == 3, parts.allSatisfy({ $0 >= 0 }) else { return nil }
    }

    static func < (a: Self, b: Self) -> Bool { a.parts.lexicographicallyPrecedes(b.parts) }
}
