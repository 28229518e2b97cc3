import DeviceCore
import FleetModel
import FleetWire

/// Releases to install in tests: number n has counter n.
enum Fixture {
    static func digest(_ number: UInt8, _ kind: UInt8 = 0) -> Digest {
        Digest([kind, number] + Array(repeating: 7, count: 30))!
    }

    static let model = ModelName(unchecked: "shoulder")

    static func release(_ number: UInt8, mayReturnTo: [Digest] = []) -> HeldRelease {
        HeldRelease(
            release: digest(number, 1),
            image: ImageReference(digest: digest(number, 2), bytes: 1000, arenaBytes: 512),
            version: VersionID(model: model, number: Int(number)), counter: UInt64(number), mayReturnTo: mayReturnTo,
            tolerance: 0.001, latencyLimit: 500)
    }

    static func target(
        _ number: UInt8, activation: ActivationCondition = .now, deadline: Int64 = 3_600_000
    ) -> InstallTarget {
        InstallTarget(
            release: digest(number, 1), activation: activation, deadline: Instant(milliseconds: deadline))
    }

    static let goodProof = GoldenResult(maximumError: 0.0001, latency: 90)

    static var limits: UpdateLimits {
        var limits = UpdateLimits()
        limits.probation.inferences = 5
        limits.probation.errorShare = 0.2
        return limits
    }

    /// A slot whose champion is release 1.
    static var settled: SlotState {
        var state = SlotState()
        state.phase = .committed
        state.target = target(1)
        state.champion = release(1)
        state.accepted = [model: AcceptedCounter(counter: 1, release: digest(1, 1))]
        state.committed = [digest(1, 1)]
        return state
    }
}

/// A shell with everything that a machine may ask of one, in memory, that can lose power at any action.
struct SlotWorld {
    var machine: UpdateMachine
    /// What survives a power cut: the state as bytes, images, receipts.
    var disk: [UInt8]
    var images: Set<Digest> = [Fixture.digest(1, 2)]
    var receipts: [VersionID] = []
    /// What an inference would use now.
    var serving: HeldRelease?
    var now = Instant(milliseconds: 1000)
    /// Actions until the power goes; nil: it stays.
    var actionsLeft: Int?
    /// Stores that fail, counted from 0.
    var failingStores: Set<Int> = []
    var stores = 0
    /// The model ends the process.
    var diesWhileProving = false
    var hasPower = true
    var actionsDone = 0
    var catalogue: [Digest: HeldRelease] = [:]
    var proof = Fixture.goodProof

    init(_ state: SlotState = Fixture.settled, limits: UpdateLimits = Fixture.limits) {
        machine = UpdateMachine(state: state, limits: limits)
        disk = state.encoded()
        for number: UInt8 in 1...9 {
            let release = Fixture.release(number, mayReturnTo: number > 1 ? [Fixture.digest(number - 1, 1)] : [])
            catalogue[release.release] = release
        }
    }

    /// Feeds an event and all that follows from it.
    mutating func feed(_ event: UpdateEvent) {
        var events = [event]
        var budget = 200
        while !events.isEmpty, hasPower, budget > 0 {
            budget -= 1
            let actions = machine.handle(events.removeFirst(), at: now)
            for action in actions {
                if let left = actionsLeft {
                    if left == 0 {
                        hasPower = false
                        return
                    }
                    actionsLeft = left - 1
                }
                actionsDone += 1
                guard perform(action, events: &events) else { break }
            }
        }
    }

    private mutating func perform(_ action: UpdateAction, events: inout [UpdateEvent]) -> Bool {
        switch action {
        case .store, .commit:
            stores += 1
            if failingStores.contains(stores - 1) {
                events.insert(.storeFailed(detail: "disk full"), at: 0)
                return false
            }
            disk = machine.state.encoded()
            if case .commit = action, let champion = machine.state.champion { receipts.append(champion.version) }
        case .fetchManifest(let digest): if let held = catalogue[digest] { events.append(.manifestAccepted(held)) }
        case .fetchImage(let image, _):
            images.insert(image.digest)
            events += [.fetched(image: image.digest, share: 1), .fetchFinished(image: image.digest)]
        case .verifyImage(let image): events.append(.verified(image: image.digest))
        case .prove where diesWhileProving:
            hasPower = false
            return false
        case .prove(let held): events.append(.proved(release: held.release, proof))
        case .serve(let held): serving = held
        case .discardUnneeded: images = images.intersection(machine.state.neededImages)
        case .stopFetching, .report: break
        }
        return true
    }

    /// Power is back.
    mutating func reboot() throws {
        hasPower = true
        actionsLeft = nil
        serving = nil
        machine = UpdateMachine(state: try SlotState(decoding: disk), limits: machine.limits)
        feed(.started(intact: images))
    }

    /// Runs inferences of whatever serves, and time, until nothing is under way.
    mutating func settle(_ failed: Bool = false, slow: Bool = false) {
        for _ in 0..<60 where hasPower {
            if let release = serving?.release {
                feed(.inferred(release: release, latencyMicroseconds: slow ? 9000 : 80, failed: failed))
            }
            now = now.advanced(by: .seconds(1))
            feed(.tick)
        }
    }
}
