import DeviceCore
import EdgeRuntime
import FleetCrypto
import FleetModel
import FleetWire

/// One slot of a device: performs what its update machine decides, and holds the model that serves. Belongs to its host
/// and, like it, to the loop's thread.
final class SlotHost {
    let name: SlotName
    unowned let host: DeviceHost
    private(set) var machine: UpdateMachine
    /// What answers now.
    private(set) var serving: LoadedRelease?
    /// A candidate as it was loaded to be verified or proved: it serves as it is.
    var loaded: LoadedRelease?
    /// The manifest that is being waited for.
    var wanted: WantedManifest?
    var pull: BlobPull?
    var window: ReportWindow?
    var sampler: Sampler
    private var events: [UpdateEvent] = []
    private var isFeeding = false
    private var lastNotice: (InstallPhase, Digest?, String)?
    /// When this start of the slot was.
    let startedAt: Instant
    /// Another program is about to take this one's place.
    var isSwitching = false
    /// A wait for another attempt is under way.
    var isRetrying = false
    /// Before this no report is closed: closing one failed.
    var windowHeldUntil = Instant.epoch
    /// In the agent's slot: a program was left, and the state does not know it yet.
    var isVerdictOpen = false

    init(name: SlotName, state: SlotState, host: DeviceHost) {
        self.name = name
        self.host = host
        machine = UpdateMachine(
            state: state, limits: Self.limits(of: name, host.configuration.limits), bugs: host.platform.bugs)
        let now = host.now()
        startedAt = now
        // Until the controller says otherwise nothing is sampled: a device that is held out stays so after a restart.
        sampler = Sampler(
            policy: host.desired?.policy.sampling ?? SamplingPolicy(enabled: false),
            bucket: Self.storedBucket(name, host.store), at: now)
    }

    // MARK: Events

    /// - Parameter crashed: the release that was at work here when the last process ended.
    func start(crashed: Digest? = nil) {
        if let crashed { feed(.crashed(release: crashed)) }
        if isAgent { startAgent() }
        let intact = machine.state.neededImages.filter(host.images.isIntact)
        feed(.started(intact: intact))
    }

    func adopt(_ limits: DeviceLimits) { machine.adopt(Self.limits(of: name, limits)) }

    func tick(at now: Instant) {
        tickMachine(at: now)
        pull?.tick(at: now)
        checkManifestTimeout(at: now)
        closeWindowIfDue(at: now)
    }

    /// When `tick` is due.
    var wakeAt: Instant? {
        .earlier(.earlier(machineWakeAt(host.now()), pull?.wakeAt), .earlier(manifestDue, windowDue))
    }

    func connected() {
        pull?.connected()
        waitForManifestAgain()
        runWantedAgent()
    }

    func disconnected() { pull?.disconnected() }

    /// Feeds the machine. Events that actions bring about come after them, in order.
    func feed(_ event: UpdateEvent) {
        events.append(event)
        guard !isFeeding else { return }
        isFeeding = true
        while !events.isEmpty {
            for action in machine.handle(events.removeFirst(), at: host.now()) {
                guard perform(action) else { break }
            }
            noticePhase()
        }
        isFeeding = false
        if let held = loaded?.held, held != machine.state.candidate { loaded = nil }
        runWantedAgent()
        host.rearm()
    }

    private func noticePhase() {
        let state = machine.state
        guard lastNotice?.0 != state.phase || lastNotice?.1 != state.target?.release || lastNotice?.2 != state.detail
        else { return }
        lastNotice = (state.phase, state.target?.release, state.detail)
        host.note(
            .phase(
                name, state.phase, release: state.target?.release, failure: state.failure, detail: state.detail))
    }

    /// A commit is told even if the machine has gone on to the next release in the same step.
    private func noticeCommit() {
        guard machine.state.phase != .committed, let champion = machine.state.champion else { return }
        host.note(.phase(name, .committed, release: champion.release, failure: nil, detail: ""))
    }

    // MARK: Actions

    /// False if storing failed: the rest of the list must not be done.
    private func perform(_ action: UpdateAction) -> Bool {
        switch action {
        case .store: return store(receipt: nil)
        case .commit(let proof):
            guard store(receipt: proof) else { return false }
            noticeCommit()
        case .fetchManifest(let release): fetchManifest(release)
        case .fetchImage(let image, let blob): fetchImage(image, blob: blob)
        case .stopFetching: stopFetching()
        case .verifyImage(let image): verify(image)
        case .prove(let held): isAgent ? proveAgent(held) : prove(held)
        case .serve(let held): if !isAgent { serve(held) }
        case .discardUnneeded: host.discardUnneeded()
        case .report: host.reportSoon(isFinal: machine.state.phase.isFinal)
        }
        return true
    }

    private func store(receipt proof: GoldenResult?) -> Bool {
        do throws(DeviceError) {
            if let proof, let champion = machine.state.champion {
                let receipt = try signedReceipt(for: champion, proof)
                try host.store.put(receipt: receipt, of: champion.release, slot: name)
            }
            try host.store.put(machine.state, for: name)
        } catch {
            // The commit below refuses a transaction with a failed write, and undoes it.
            host.note(.problem("\(error)"))
        }
        guard host.flush() else {
            events.insert(.storeFailed(detail: host.lastStoreFailure), at: 0)
            return false
        }
        return true
    }

    private func signedReceipt(for held: HeldRelease, _ proof: GoldenResult) throws(DeviceError) -> [UInt8] {
        let receipt = Receipt(
            slot: name, release: held.release, image: held.image.digest, version: held.version, counter: held.counter,
            goldenError: proof.maximumError, latency: proof.latency, instructionSet: host.facts.instructionSet,
            runtimeVersion: host.facts.runtimeVersion, committedAt: host.now())
        let key = host.configuration.signingKey
        let payload = receipt.encoded()
        do throws(CryptoError) {
            let message = COSESign.toBeSigned(payload: payload, context: .receipt, keyID: key.keyID)
            let signature = COSESign.Signature(keyID: key.keyID, signature: try key.sign(message))
            return COSESign(payload: payload, signatures: [signature]).encoded()
        } catch {
            throw DeviceError(.cryptoFailed, error.context)
        }
    }

    var reported: ReportedSlot {
        machine.reported(slot: name, receipts: (try? host.store.receipts(name)) ?? [])
    }

    // MARK: Proving and serving

    private func prove(_ held: HeldRelease) {
        host.marker.enter(ModelWork(slot: name, release: held.release))
        defer { host.marker.leave() }
        do throws(DeviceError) {
            let release = try loadCandidate(held)
            let isProved = !host.platform.bugs.contains(.activateUnproved)
            let result =
                isProved
                ? try release.prove(clock: { host.clock.microseconds }) : GoldenResult(maximumError: 0, latency: 0)
            events.append(.proved(release: held.release, result))
        } catch {
            loaded = nil
            events.append(.proofImpossible(release: held.release, detail: error.context))
        }
    }

    /// Loads a candidate, or gives the one that was verified just before.
    @discardableResult
    func loadCandidate(_ held: HeldRelease) throws(DeviceError) -> LoadedRelease {
        if let loaded, loaded.held == held { return loaded }
        loaded = nil
        try checkMemory(for: held)
        let release = try load(held)
        loaded = release
        return release
    }

    /// A candidate that there is no memory for is refused before the operating system ends the process for it.
    private func checkMemory(for held: HeldRelease) throws(DeviceError) {
        let needed = held.image.arenaBytes + held.image.bytes
        guard let available = host.platform.availableMemory(), available < needed else { return }
        throw DeviceError(.noMemory, "\(available >> 10) KiB of memory available, it needs \(needed >> 10) KiB")
    }

    private func serve(_ held: HeldRelease?) {
        guard held != serving?.held else { return }
        closeWindow(mustSpool: true)
        window = nil
        serving = nil
        defer {
            loaded = nil
            host.note(.serving(name, serving?.part.version, release: serving?.held.release))
        }
        guard let held else { return }
        host.marker.enter(ModelWork(slot: name, release: held.release))
        defer { host.marker.leave() }
        do throws(DeviceError) {
            let release = if let loaded, loaded.held == held { loaded } else { try load(held) }
            serving = release
            window = ReportWindow(slot: name, release: held.release, part: release.part, start: host.now())
            sampler.releaseChanged(at: host.now())
        } catch {
            host.note(.problem("slot \(name): \(error)"))
            events.append(.serveFailed(release: held.release, detail: error.context))
        }
    }

    /// Loads a release from the disk. Its manifest was trusted before it was stored.
    private func load(_ held: HeldRelease) throws(DeviceError) -> LoadedRelease {
        guard let message = try host.store.manifest(held.release) else {
            throw DeviceError(.wrongContent, "the manifest of \(held.release.short) is not stored")
        }
        let part: ReleasePart?
        do throws(WireError) {
            part = try ReleaseManifest(decoding: COSESign(decoding: message).payload).part(for: name)
        } catch {
            throw DeviceError(.wrongContent, "the manifest of \(held.release.short): \(error)")
        }
        guard let part, part.image == held.image else {
            throw DeviceError(.wrongContent, "the manifest of \(held.release.short) is not the one that was trusted")
        }
        return try LoadedRelease(
            held: held, part: part, image: host.files.image(at: host.images.path(of: held.image.digest)))
    }

    private static func storedBucket(_ slot: SlotName, _ store: DeviceStore) -> TokenBucket? {
        guard let bytes = try? store.document(DeviceHost.Documents.bucket(slot)) else { return nil }
        return TokenBucket(stored: bytes)
    }
}

extension TokenBucket {
    /// Level and time, as an array of two integers.
    var stored: [UInt8] {
        CBOR.array([
            .unsigned(UInt64(max(0, level.rounded(.down)))), .integer(Int(filledAt.milliseconds)),
        ]).encoded()
    }

    init?(stored: [UInt8]) {
        guard case .array(let items)? = try? CBOR(decoding: stored), items.count == 2,
            case .unsigned(let level) = items[0], case .unsigned(let time) = items[1]
        else { return nil }
        self.init(level: Double(level), at: Instant(milliseconds: Int64(clamping: time)))
    }
}
