import DeviceCore
import FleetModel
import FleetWire
import Testing

@Suite("Roots, time and delegations")
struct RootTests {
    private static let now = Instant(milliseconds: 1_000_000)
    private static let later = Instant(milliseconds: 9_000_000)

    private static func rotation(_ number: UInt64, to key: UInt8, by signers: [UInt8]) -> [UInt8] {
        Toy.message(RootRotation(number: number, key: Toy.key(key)).encoded(), .root, by: signers)
    }

    private static func roles(rotations: [[UInt8]] = [], delegations: [Delegation] = []) -> TrustRoles {
        TrustRoles(
            number: 3, expires: later, releaseKeys: [Toy.key(1), Toy.key(2)], threshold: 2, rotations: rotations,
            timeKeys: [Toy.key(20)], delegations: delegations)
    }

    // MARK: Rotation

    private struct Refused: Error, Equatable { var failure: InstallFailure }

    /// The root that is pinned after a role document, or why it was refused.
    private static func outcome(
        _ rotations: [[UInt8]], by signer: UInt8, pinned: UInt8
    ) -> Result<UInt8, Refused> {
        let message = Toy.message(roles(rotations: rotations).encoded(), .roles, by: [signer])
        do throws(Refusal) {
            let accepted = try Toy.check.roles(message, root: Toy.key(pinned), held: nil, at: now)
            return .success(accepted.root.publicKey[0])
        } catch { return .failure(Refused(failure: error.failure)) }
    }

    private static let chain = [rotation(2, to: 8, by: [7, 8]), rotation(3, to: 9, by: [8, 9])]

    @Test(
        "a chain of rotations leads from any root that was ever pinned to the newest", arguments: [7, 8, 9] as [UInt8])
    func rotates(pinned: UInt8) {
        #expect(Self.outcome(Self.chain, by: 9, pinned: pinned) == .success(9))
    }

    @Test("the root before signs nothing once it was rotated away, and a device does not go back to it")
    func oldRoot() {
        #expect(Self.outcome(Self.chain, by: 8, pinned: 7) == .failure(Refused(failure: .badSignature)))
        #expect(Self.outcome([Self.chain[0]], by: 8, pinned: 9) == .failure(Refused(failure: .badSignature)))
        #expect(Self.outcome([], by: 7, pinned: 9) == .failure(Refused(failure: .badSignature)))
    }

    @Test("a rotation needs the signature of the root before it and of the new one")
    func bothRoots() {
        #expect(
            Self.outcome([Self.rotation(2, to: 8, by: [7])], by: 8, pinned: 7)
                == .failure(Refused(failure: .badSignature)))
        #expect(
            Self.outcome([Self.rotation(2, to: 8, by: [8])], by: 8, pinned: 7)
                == .failure(Refused(failure: .badSignature)))
        #expect(
            Self.outcome([Self.rotation(2, to: 8, by: [8, 5])], by: 8, pinned: 7)
                == .failure(Refused(failure: .badSignature)))
        #expect(
            Self.outcome([Self.rotation(3, to: 9, by: [8, 9])], by: 9, pinned: 7)
                == .failure(Refused(failure: .badSignature)))
    }

    @Test("damage anywhere in a rotation is refused, and never a crash")
    func damage() {
        for index in Self.chain[0].indices {
            var damaged = Self.chain[0]
            damaged[index] ^= 0x20
            #expect(throws: Refused.self) { try Self.outcome([damaged], by: 8, pinned: 7).get() }
        }
    }

    // MARK: Time

    private static func time(_ instant: Instant, by signer: UInt8, context: COSESign.Context = .time) throws -> Instant
    {
        try Toy.check.time(Toy.message(SignedTime(now: instant).encoded(), context, by: [signer]), roles: roles())
    }

    @Test("a time counts under a time key of the roles, up to the roles' own expiry")
    func time() throws {
        #expect(try Self.time(Self.now, by: 20) == Self.now)
        #expect(throws: Refusal.self) { try Self.time(Self.now, by: 1) }
        #expect(throws: Refusal.self) { try Self.time(Self.now, by: 20, context: .roles) }
        #expect(throws: Refusal.self) { try Self.time(Self.later, by: 20) }
    }

    // MARK: Delegation

    private static func delegation(
        models: [ModelName] = [Fixture.model], group: String = "side=R", share: Float = 1, expires: Instant = later
    ) -> Delegation {
        Delegation(key: Toy.key(30), models: models, group: group, canaryShare: share, expires: expires)
    }

    private static func refusal(
        _ delegation: Delegation, of part: ReleasePart = ReportWindowTests.part(), device: String = "s1R",
        by signers: [UInt8] = [30]
    ) -> InstallFailure? {
        let manifest = ReleaseManifest(
            name: ReleaseName(unchecked: "r"), counter: 2, created: .epoch, expires: later,
            parts: [part], compatibility: Compatibility(hardware: part.isAgent ? ["x"] : []))
        let message = Toy.message(manifest.encoded(), .release, by: signers)
        let fitness = DeviceFitness(
            device: DeviceID(unchecked: device), tags: ["side": "R"], hardware: "x", runtimeVersion: "1.2.0",
            arenaLimit: 1000, imageLimit: 1000)
        do throws(Refusal) {
            _ = try Toy.check.release(
                message, digest: Toy.hash(message), slot: part.slot, state: SlotState(),
                roles: roles(delegations: [delegation]), fitness: fitness, at: now)
            return nil
        } catch { return error.failure }
    }

    @Test("an automation key signs alone for its models, group and time, and for nothing else")
    func delegates() {
        #expect(Self.refusal(Self.delegation()) == nil)
        #expect(Self.refusal(Self.delegation(models: [ModelName(unchecked: "x")])) == .outsideDelegation)
        #expect(Self.refusal(Self.delegation(models: [])) == .outsideDelegation)
        #expect(Self.refusal(Self.delegation(group: "side=L")) == .outsideDelegation)
        #expect(Self.refusal(Self.delegation(group: "not a selector")) == .outsideDelegation)
        #expect(Self.refusal(Self.delegation(expires: Self.now)) == .expired)
        #expect(Self.refusal(Self.delegation(), by: [1]) == .tooFewSignatures)
        #expect(Self.refusal(Self.delegation(), by: [31]) == .badSignature)
        #expect(Self.refusal(Self.delegation(share: 0)) == .outsideDelegation)
        #expect(Self.refusal(Self.delegation(share: 0), by: [1, 2]) == nil)
    }

    @Test("an automation key alone brings no program onto a device, whatever it was delegated; people do")
    func delegatedAgent() {
        let program = ImageReference(digest: Fixture.digest(1), bytes: 100, arenaBytes: 0)
        let agent = ReleasePart.agent(VersionID(model: .agent, number: 1), name: "1", program: program)
        #expect(Self.refusal(Self.delegation(models: [.agent]), of: agent) == .outsideDelegation)
        #expect(Self.refusal(Self.delegation(models: [.agent]), of: agent, by: [1, 2]) == nil)
    }

    @Test("a canary share reaches about that share of the devices, the same ones every time")
    func canaries() {
        let devices = (0..<400).map { "device-\($0)" }
        let reached = devices.filter { Self.refusal(Self.delegation(share: 0.25), device: $0) == nil }
        #expect((60...140).contains(reached.count))
        #expect(reached.allSatisfy { Self.refusal(Self.delegation(share: 0.3), device: $0) == nil })
    }
}
