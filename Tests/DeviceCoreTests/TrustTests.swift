import DeviceCore
import FleetModel
import FleetWire
import Sketches
import Testing

@Suite("What a device trusts")
struct TrustTests {
    private static let now = Instant(milliseconds: 1_000_000)
    private static let later = Instant(milliseconds: 9_000_000)
    private static let roles = TrustRoles(
        number: 3, expires: later, releaseKeys: [Toy.key(1), Toy.key(2), Toy.key(3)], threshold: 2)
    private static var fitness: DeviceFitness {
        DeviceFitness(
            device: DeviceID(unchecked: "s1R"), tags: ["side": "R"], hardware: "x86_64-generic",
            runtimeVersion: "1.2.0",
            arenaLimit: 1000, imageLimit: 1000)
    }

    private static func manifest(counter: UInt64 = 2) -> ReleaseManifest {
        ReleaseManifest(
            name: ReleaseName(unchecked: "r"), counter: counter, created: .epoch, expires: later,
            parts: [ReportWindowTests.part()])
    }

    private static func refusal(
        _ manifest: ReleaseManifest, by signers: [UInt8] = [1, 2], context: COSESign.Context = .release,
        state: SlotState = SlotState(), roles: TrustRoles = roles, fitness: DeviceFitness = fitness,
        digest: Digest? = nil, at now: Instant = now
    ) -> InstallFailure? {
        let message = Toy.message(manifest.encoded(), context, by: signers)
        do throws(Refusal) {
            _ = try Toy.check.release(
                message, digest: digest ?? Toy.hash(message), slot: .main, state: state, roles: roles, fitness: fitness,
                at: now)
            return nil
        } catch { return error.failure }
    }

    // MARK: Releases

    @Test("two of three release keys are enough")
    func accepted() {
        #expect(Self.refusal(Self.manifest()) == nil)
        #expect(Self.refusal(Self.manifest(), by: [3, 1, 2]) == nil)
    }

    @Test("one key twice is one key, a stranger's is none, and a signature of another kind is none")
    func signatures() {
        #expect(Self.refusal(Self.manifest(), by: [1]) == .tooFewSignatures)
        #expect(Self.refusal(Self.manifest(), by: [1, 1]) == .tooFewSignatures)
        #expect(Self.refusal(Self.manifest(), by: [1, 9]) == .tooFewSignatures)
        #expect(Self.refusal(Self.manifest(), by: [8, 9]) == .badSignature)
        #expect(Self.refusal(Self.manifest(), by: []) == .badSignature)
        #expect(Self.refusal(Self.manifest(), context: .receipt) == .tooFewSignatures)
    }

    @Test("another manifest than the one asked for is refused (arbitrary software)")
    func digest() {
        #expect(Self.refusal(Self.manifest(), digest: Fixture.digest(1)) == .wrongDigest)
    }

    @Test("an expired release and expired roles are refused (freeze)")
    func expiry() {
        #expect(Self.refusal(Self.manifest(), at: Self.later) == .expired)
        var old = Self.manifest()
        old.expires = Self.now
        #expect(Self.refusal(old) == .expired)
    }

    @Test("a counter that is not above the last one is refused (rollback), but the newest release may be tried again")
    func counters() {
        var state = SlotState()
        state.accepted = [Fixture.model: AcceptedCounter(counter: 2, release: Fixture.digest(7))]
        #expect(Self.refusal(Self.manifest(counter: 1), state: state) == .oldCounter)
        #expect(Self.refusal(Self.manifest(counter: 2), state: state) == .oldCounter)
        #expect(Self.refusal(Self.manifest(counter: 3), state: state) == nil)
        let same = Toy.hash(Toy.message(Self.manifest(counter: 2).encoded(), .release, by: [1, 2]))
        state.accepted[Fixture.model]?.release = same
        #expect(Self.refusal(Self.manifest(counter: 2), state: state) == nil)
    }

    @Test("a return needs both: the champion's permission and a commit of old")
    func returns() {
        var state = Fixture.settled
        state.accepted = [Fixture.model: AcceptedCounter(counter: 5, release: Fixture.digest(5, 1))]
        let old = Self.manifest(counter: 1)
        let digest = Toy.hash(Toy.message(old.encoded(), .release, by: [1, 2]))
        #expect(Self.refusal(old, state: state) == .oldCounter)
        state.champion?.mayReturnTo = [digest]
        #expect(Self.refusal(old, state: state) == .oldCounter)
        state.committed.append(digest)
        #expect(Self.refusal(old, state: state) == nil)
        // Neither its own expiry nor the roles' keeps a device from what it ran.
        #expect(Self.refusal(old, state: state, at: Self.later) == nil)
        state.champion?.mayReturnTo = []
        #expect(Self.refusal(old, state: state) == .oldCounter)
        #expect(Self.refusal(old, state: state, at: Self.later) == .expired)
    }

    @Test("hardware, runtime, scope, arena and size must fit")
    func fitness() {
        var manifest = Self.manifest()
        manifest.compatibility.hardware = ["arm64-generic"]
        #expect(Self.refusal(manifest) == .wrongHardware)
        manifest.compatibility.hardware.append("x86_64-generic")
        #expect(Self.refusal(manifest) == nil)
        for (runtime, failure) in [
            ("1.2.0", nil), ("1.10.0", InstallFailure.oldRuntime), ("1.2.1", .oldRuntime), ("x", .oldRuntime),
            ("1.2", .oldRuntime), ("0.9.9", nil),
        ] {
            manifest.compatibility.runtime = runtime
            #expect(Self.refusal(manifest) == failure, "\(runtime)")
        }
        manifest.compatibility = Compatibility()
        manifest.scope = ["side=L"]
        #expect(Self.refusal(manifest) == .outOfScope)
        manifest.scope.append("side=R")
        #expect(Self.refusal(manifest) == nil)
        manifest.parts[0].image.arenaBytes = 1001
        #expect(Self.refusal(manifest) == .arenaTooLarge)
        manifest.parts[0].image.arenaBytes = 1000
        manifest.parts[0].image.bytes = 1001
        #expect(Self.refusal(manifest) == .noSpace)
    }

    @Test("a manifest that contradicts itself is refused, whoever signed it (partial bundle, mix-and-match)")
    func nonsense() {
        let version = VersionID(model: Fixture.model, number: 1)
        let other = VersionID(model: Fixture.model, number: 9)
        let changes: [(String, (inout ReleaseManifest) -> Void)] = [
            ("thresholds of another version", { $0.parts[0].thresholds.derivedFrom = other }),
            ("a missing dependency", { $0.dependencies = [Dependency(version: version, requires: other)] }),
            ("two parts for a slot", { $0.parts.append($0.parts[0]) }),
            ("no part for the slot", { $0.parts[0].slot = SlotName(unchecked: "other") }),
            (
                "no golden input",
                {
                    $0.parts[0].golden.inputs = []
                    $0.parts[0].golden.outputs = []
                }
            ),
            ("a golden input too short", { $0.parts[0].golden.inputs = [[1]] }),
            ("a golden output too short", { $0.parts[0].golden.outputs = [[1]] }),
            ("scale 0", { $0.parts[0].normalisation.scale = [0, 1] }),
            ("too few offsets", { $0.parts[0].normalisation.offset = [0] }),
            ("a channel that is not there", { $0.parts[0].baseline.features[0].channel = 2 }),
            ("falling edges", { $0.parts[0].baseline.features[0].edges = [3, 2, 1, 0] }),
            ("prediction counts of other classes", { $0.parts[0].baseline.predictions.counts = [1, 2, 3] }),
        ]
        for (name, change) in changes {
            var manifest = Self.manifest()
            change(&manifest)
            #expect(Self.refusal(manifest) == .malformedManifest, "\(name)")
        }
    }

    @Test("any damage to a signed manifest is refused")
    func damage() {
        let message = Toy.message(Self.manifest().encoded(), .release, by: [1, 2])
        var random = SeededGenerator(seed: 3)
        for _ in 0..<2000 {
            var damaged = message
            damaged[Int(random.next() % UInt64(message.count))] ^= UInt8(1 << (random.next() % 8))
            #expect(throws: Refusal.self) {
                try Toy.check.release(
                    damaged, digest: Toy.hash(damaged), slot: .main, state: SlotState(), roles: Self.roles,
                    fitness: Self.fitness, at: Self.now)
            }
        }
    }

    // MARK: Roles

    @Test("roles must be signed by the pinned root, in date, and not older than those held")
    func roles() throws {
        func failure(
            _ roles: TrustRoles, by signer: UInt8 = 7, context: COSESign.Context = .roles, held: TrustRoles? = nil
        ) -> InstallFailure? {
            let message = Toy.message(roles.encoded(), context, by: [signer])
            do throws(Refusal) {
                _ = try Toy.check.roles(message, root: Toy.key(7), held: held, at: Self.now)
                return nil
            } catch { return error.failure }
        }
        #expect(failure(Self.roles) == nil)
        #expect(failure(Self.roles, by: 1) == .badSignature)
        #expect(failure(Self.roles, context: .release) == .badSignature)
        var older = Self.roles
        older.number = 2
        #expect(failure(older, held: Self.roles) == .oldCounter)
        #expect(failure(Self.roles, held: Self.roles) == nil)
        var expired = Self.roles
        expired.expires = Self.now
        #expect(failure(expired) == .expired)
    }
}

@Suite("The device's clock")
struct DeviceClockTests {
    private static func at(_ milliseconds: Int64) -> Instant { Instant(milliseconds: milliseconds) }

    @Test("starts no earlier than the newest proof, runs evenly, and follows NTP forward")
    func forward() {
        var clock = DeviceClock(floor: Self.at(5000), system: Self.at(0), monotonic: 100)
        #expect(clock.now(system: Self.at(0), monotonic: 100) == Self.at(5000))
        #expect(clock.now(system: Self.at(50), monotonic: 150) == Self.at(5050))
        #expect(clock.now(system: Self.at(90_000), monotonic: 200) == Self.at(90_000))
        #expect(clock.now(system: Self.at(90_010), monotonic: 210) == Self.at(90_010))
    }

    @Test("never goes back, whatever the system clock does")
    func never() {
        var clock = DeviceClock(floor: .epoch, system: Self.at(90_000), monotonic: 0)
        #expect(clock.now(system: Self.at(10), monotonic: 1000) == Self.at(91_000))
        #expect(clock.now(system: Self.at(10), monotonic: 500) == Self.at(90_500))
    }

    @Test("a later proof moves it forward, an earlier one is no news")
    func learns() {
        var clock = DeviceClock(floor: .epoch, system: Self.at(1000), monotonic: 0)
        #expect(clock.learn(Self.at(500_000), monotonic: 10) == true)
        #expect(clock.now(system: Self.at(1010), monotonic: 20) == Self.at(500_010))
        #expect(clock.learn(Self.at(400_000), monotonic: 30) == false)
        #expect(clock.floor == Self.at(500_000))
    }
}
