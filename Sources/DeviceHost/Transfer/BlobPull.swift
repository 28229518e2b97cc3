package import DeviceCore
import FleetCrypto
package import FleetModel
package import FleetWire
import MQTTTransport
import Synchronization

/// What a pull needs of the device around it.
package protocol PullEnvironment: AnyObject {
    var device: DeviceID { get }
    var topics: Topics { get }
    var limits: DeviceLimits { get }
    var images: ImageFolder { get }
    var client: (any DeviceLink)? { get }
    var platform: DevicePlatform { get }
    var isConnected: Bool { get }
    func now() -> Instant
    /// Runs `work` on the loop, after what is under way.
    func soon(_ work: @escaping @Sendable () -> Void)
    /// Says what went wrong, for people.
    func tell(_ problem: String)
}

/// What becomes of a pull.
package enum PullOutcome {
    /// Share of the chunks that are held.
    case progress(Float)
    /// All chunks are in their file.
    case finished
    case failed(InstallFailure, detail: String)
}

/// One pull of one blob: performs what a `PullMachine` decides. Chunks go straight to their place in a file; memory holds
/// the map, a bit for each chunk, and the chunk that comes.
///
/// `@unchecked Sendable`: touched on the loop's thread alone.
package final class BlobPull: @unchecked Sendable {
    package let blob: Digest
    private let image: ImageReference
    private unowned let environment: any PullEnvironment
    private let outcome: (PullOutcome) -> Void
    private let files: TransferFiles
    private let hash = SHA256Series()
    private var file: (any OpenFile)?
    private var bits: (any OpenFile)?
    private let syncing = SyncFlag()
    private var map: BlobMap?
    private(set) package var machine: PullMachine?
    private var carrier: (any BlobCarrier)?
    /// Since when the map could have come; nil while there is no connection.
    private var waitingForMapSince: Instant?
    /// When the controller was last asked for the map: its answer may get lost, or come before the subscription.
    private var mapAskedAt: Instant?
    private var openPages: Set<Int> = []
    /// First chunks of what was asked for since the last chunk came.
    private var askedInVain: Set<Int> = []
    /// What was held under a map that may be false, until the controller has given its own.
    private var doubted: (map: BlobMap, held: ChunkBitmap)?
    private var isOver = false

    /// - Parameter outcome: told on the loop's thread; `finished` or `failed` comes last, and once.
    package init(
        blob: Digest, image: ImageReference, environment: any PullEnvironment,
        outcome: @escaping (PullOutcome) -> Void
    ) {
        self.blob = blob
        self.image = image
        self.environment = environment
        self.outcome = outcome
        files = environment.images.transfer(of: blob)
    }

    // MARK: Life

    package func start() {
        if let stored = files.stored(), stored.map.image == image.digest {
            use(stored.carrier)
            if environment.platform.bugs.contains(.believedBits) {
                begin(stored.map, held: stored.claimed)
            } else {
                prove(stored, from: 0)
            }
        } else {
            files.remove()
            use(.retained)
            if environment.isConnected { waitingForMapSince = environment.now() }
            askForMap()
        }
    }

    /// Ends the pull; what is on disk stays.
    package func stop() {
        isOver = true
        feed(.disconnected)
        closePages()
        carrier?.end()
        machine = nil
        file = nil
        bits = nil
    }

    package func connected() {
        if map == nil {
            waitingForMapSince = environment.now()
            // Subscriptions are renewed by the client; a request is gone with the connection.
            if carrier?.kind == .request { askForMap() }
        }
        // The pages are asked for anew.
        closePages()
        feed(.connected)
    }

    package func disconnected() {
        waitingForMapSince = nil
        feed(.disconnected)
    }

    private func closePages() {
        for page in openPages.sorted() { carrier?.close(page: page) }
        openPages.removeAll()
    }

    private func use(_ kind: CarrierKind) {
        carrier?.end()
        guard let client = environment.client else { return }
        switch kind {
        case .retained: carrier = RetainedCarrier(blob: blob, topics: environment.topics, client: client)
        case .request:
            carrier = RequestCarrier(
                blob: blob, device: environment.device, topics: environment.topics, client: client)
        }
    }

    // MARK: Time

    package var wakeAt: Instant? {
        .earlier(machine?.wakeAt, .earlier(mapDue, mapAskDue))
    }

    /// When to ask the controller for the map once more.
    private var mapAskDue: Instant? {
        guard waitingForMapSince != nil, carrier?.kind == .request else { return nil }
        return mapAskedAt?.advanced(by: environment.limits.pull.timeout)
    }

    private func askForMap() {
        mapAskedAt = environment.now()
        carrier?.askForMap()
    }

    private var mapDue: Instant? {
        guard let since = waitingForMapSince else { return nil }
        let limits = environment.limits
        return since.advanced(by: carrier?.kind == .request ? limits.manifestTimeout : limits.mapTimeout)
    }

    package func tick(at now: Instant) {
        if let due = machine?.wakeAt, now >= due { feed(.tick) }
        if let due = mapAskDue, now >= due { askForMap() }
        guard let due = mapDue, now >= due else { return }
        guard carrier?.kind == .retained else {
            return fail(.fetchTimedOut, "the map of blob \(blob.short) did not come")
        }
        // Lost by the broker, or never given to it: the one is mended by seeding, the other by asking.
        publishNeed([])
        use(.request)
        waitingForMapSince = now
        askForMap()
    }

    private func publishNeed(_ missing: [Range<Int>]) {
        let need = Need(blob: blob, missing: Array(missing.prefix(WireLimits.missingRanges)))
        environment.client?.publish(
            topic: environment.topics.text(.need(environment.device)), payload: need.encoded(), qos: .atLeastOnce,
            retain: false, priority: .control)
    }

    // MARK: Map

    /// A map came: by subscription (`retained`) or as an answer.
    package func mapArrived(_ digest: Digest, _ payload: UnsafeRawBufferPointer) {
        guard digest == blob, map == nil, !isOver, !payload.isEmpty else { return }
        do throws(WireError) {
            let map = try BlobMap(decoding: [UInt8](payload))
            guard map.image == image.digest, map.imageBytes == image.bytes else {
                return environment.tell("the map of blob \(blob.short) speaks of another image")
            }
            if let base = map.base, !environment.images.holds(base) {
                return fail(.malformedImage, "the base \(base.short) of delta \(blob.short) is not on this device")
            }
            try? files.put(map: payload, carrier: carrier?.kind ?? .retained)
            let held = doubted.flatMap { $0.map == map ? $0.held : nil }
            begin(map, held: held ?? ChunkBitmap(count: map.chunks.count))
        } catch {
            environment.tell("the map of blob \(blob.short): \(error)")
        }
    }

    /// Hashes what an earlier pull wrote, a few chunks a turn: a bit that was set speaks of bytes that may be gone.
    private func prove(_ stored: TransferFiles.Stored, from first: Int) {
        guard !isOver else { return }
        var stored = stored
        var next = first
        let end = min(first + Self.provenAtOnce, stored.map.chunks.count)
        do throws(DeviceError) {
            let file = try environment.platform.files.open(files.blob, .read)
            var buffer = [UInt8](repeating: 0, count: stored.map.chunkBytes)
            while next < end {
                defer { next += 1 }
                let range = stored.map.range(ofChunk: next)
                guard stored.claimed[next] else { continue }
                let count = try file.read(into: &buffer, at: range.lowerBound)
                let digest = buffer.withUnsafeBytes { hash.hash(.init(rebasing: $0[..<min(count, range.count)])) }
                if digest != stored.map.chunks[next] { stored.claimed.remove(next) }
            }
        } catch {
            return fail(.storeFailed, error.context)
        }
        guard end < stored.map.chunks.count else { return begin(stored.map, held: stored.claimed) }
        let proved = stored
        environment.soon { [weak self] in self?.prove(proved, from: end) }
    }

    /// Chunks that are hashed in one turn of the loop: 4 MiB.
    private static let provenAtOnce = 64

    private func begin(_ map: BlobMap, held: ChunkBitmap) {
        waitingForMapSince = nil
        carrier?.closeMap()
        do throws(DeviceError) {
            try checkSpace(for: map, held: held)
            file = try environment.platform.files.open(files.blob, .update)
            bits = try files.openBits()
        } catch {
            return fail(error.code == .noSpace ? .noSpace : .storeFailed, error.context)
        }
        self.map = map
        machine = PullMachine(
            chunkCount: map.chunks.count, pageChunks: map.pageChunks, chunkBytes: map.chunkBytes, bitmap: held,
            delay: doubted == nil ? startDelay : .seconds(0), limits: environment.limits.pull, at: environment.now())
        doubted = nil
        if environment.isConnected { feed(.connected) }
    }

    /// Before the first byte: room for what is missing, for the image beside an encoded blob, and for the reserve.
    private func checkSpace(for map: BlobMap, held: ChunkBitmap) throws(DeviceError) {
        let missing = map.bytes - min(map.bytes, held.held * map.chunkBytes)
        let needed = missing + (map.codec == .raw ? 0 : map.imageBytes) + environment.limits.diskReserve
        let free = try environment.platform.files.freeBytes(at: environment.images.path)
        guard free >= needed else {
            throw DeviceError(.noSpace, "\(needed) bytes are needed on disk, \(free) are free")
        }
    }

    /// Spread by a hash of the device's name, so that a fleet does not begin as one.
    private var startDelay: Interval {
        let spread = environment.limits.startSpread.milliseconds
        let hash = SHA256.hash(environment.device.text.utf8).bytes.prefix(4).reduce(0) { $0 << 8 | Int64($1) }
        return Interval(milliseconds: spread > 0 ? hash % spread : 0)
    }

    // MARK: Chunks

    package func chunkArrived(_ digest: Digest, page: Int, index: Int, _ payload: UnsafeRawBufferPointer) {
        guard digest == blob, let map, index < map.pageChunks else { return }
        let chunk = page * map.pageChunks + index
        guard machine?.wants(chunk) == true else { return }
        let range = map.range(ofChunk: chunk)
        let isGood = hash.hash(payload) == map.chunks[chunk] || environment.platform.bugs.contains(.unverifiedChunk)
        guard payload.count == range.count, isGood else {
            environment.tell("chunk \(chunk) of blob \(blob.short) is damaged")
            return feed(.chunk(chunk, isGood: false))
        }
        do throws(DeviceError) {
            try file?.write(payload, at: range.lowerBound)
        } catch {
            return fail(error.code == .noSpace ? .noSpace : .storeFailed, error.context)
        }
        askedInVain.removeAll()
        feed(.chunk(chunk, isGood: true))
        if !isOver, let share = machine?.share { outcome(.progress(share)) }
    }

    private func feed(_ event: PullEvent) {
        guard let actions = machine?.handle(event, at: environment.now()) else { return }
        for action in actions where !isOver && machine != nil { perform(action) }
    }

    private func perform(_ action: PullAction) {
        switch action {
        case .subscribe(let page):
            openPages.insert(page)
            let missing = map.flatMap { map in machine?.bitmap.missing(in: map.chunks(ofPage: page)) } ?? []
            carrier?.open(page: page, missing: missing)
        case .unsubscribe(let page):
            openPages.remove(page)
            carrier?.close(page: page)
        case .save: save(isDurable: false)
        case .sync: save(isDurable: true)
        case .need(let ranges): need(ranges)
        case .finish: finish()
        case .giveUp(let detail): fail(.fetchTimedOut, detail)
        }
    }

    private func save(isDurable: Bool) {
        guard let bitmap = machine?.bitmap, let file, let bits else { return }
        do throws(DeviceError) {
            try bits.write(bitmap.bytes, at: 0)
        } catch {
            environment.tell("\(error)")
        }
        if isDurable { sync(file, bits) }
    }

    /// First the bytes, then the bits; not again before that is done.
    private func sync(_ file: any OpenFile, _ bits: any OpenFile) {
        guard syncing.raise() else { return }
        let tell: @Sendable (DeviceError) -> Void = { [weak self] in self?.environment.tell("\($0)") }
        let report: @Sendable (DeviceError?) -> Void = { [loop = environment.platform.loop] error in
            if let error { loop.perform { tell(error) } }
        }
        file.syncSoon(report)
        bits.syncSoon { [syncing] error in
            syncing.lower()
            report(error)
        }
    }

    /// Asks for seeding; if that was in vain before, the controller is asked for the chunks themselves from now on.
    private func need(_ ranges: [Range<Int>]) {
        publishNeed(ranges)
        let isRepeated = ranges.first.map { !askedInVain.insert($0.lowerBound).inserted } ?? false
        guard isRepeated, carrier?.kind == .retained else { return }
        environment.tell("blob \(blob.short): the broker does not give it; asking the controller")
        askController()
    }

    /// Goes on by request, and begins with the map: if the broker gave a false one, no true chunk ever fits it.
    private func askController() {
        guard let map, let machine else { return }
        save(isDurable: true)
        closePages()
        doubted = (map, machine.bitmap)
        self.map = nil
        self.machine = nil
        file = nil
        bits = nil
        askedInVain.removeAll()
        use(.request)
        if environment.isConnected { waitingForMapSince = environment.now() }
        askForMap()
    }

    private func finish() {
        stop()
        outcome(.finished)
    }

    private func fail(_ failure: InstallFailure, _ detail: String) {
        guard !isOver else { return }
        stop()
        outcome(.failed(failure, detail: detail))
    }
}

/// Whether a pull's files are being synced.
private final class SyncFlag: Sendable {
    private let isUp = Atomic(false)

    /// False if it is up already.
    func raise() -> Bool { !isUp.exchange(true, ordering: .relaxed) }
    func lower() { isUp.store(false, ordering: .relaxed) }
}
