import DeviceCore
import FleetCrypto
import FleetModel
import FleetWire
import MQTTTransport

/// One pull of one blob: performs what a `PullMachine` decides. Chunks go straight to their place in a file; memory holds
/// the map and one chunk.
final class BlobPull {
    let blob: Digest
    private let image: ImageReference
    private unowned let slot: SlotHost
    private var map: BlobMap?
    private var mapBytes: [UInt8] = []
    private var machine: PullMachine?
    /// Since when the map could have come; nil while there is no connection.
    private var waitingForMapSince: Instant?

    init(blob: Digest, image: ImageReference, slot: SlotHost) {
        self.blob = blob
        self.image = image
        self.slot = slot
    }

    private var host: DeviceHost { slot.host }
    private var topics: Topics { host.configuration.topics }
    private var path: String { host.images.partialPath(of: blob) }

    // MARK: Life

    func start() {
        if let stored = try? host.store.pull(blob), let map = try? BlobMap(decoding: stored.map) {
            let bitmap = ChunkBitmap(count: map.chunks.count, bytes: stored.bitmap)
            // Without the file the bitmap speaks of nothing.
            begin(map, stored.map, bitmap: host.files.exists(path) ? bitmap : nil)
        } else {
            if host.isConnected { waitingForMapSince = host.now() }
            host.client?.subscribe([topics.text(.blobMap(blob))], qos: .atLeastOnce)
        }
    }

    /// Ends the pull; what is on disk stays.
    func stop() {
        host.client?.unsubscribe([topics.text(.blobMap(blob))])
        feed(.disconnected)
        for page in subscribedPages { host.client?.unsubscribe([topics.page(blob, page)]) }
        subscribedPages.removeAll()
        machine = nil
    }

    func connected() {
        if map == nil { waitingForMapSince = host.now() }
        // The client renews its subscriptions by itself; the pages are asked for anew.
        for page in subscribedPages { host.client?.unsubscribe([topics.page(blob, page)]) }
        subscribedPages.removeAll()
        feed(.connected)
    }

    func disconnected() {
        waitingForMapSince = nil
        feed(.disconnected)
    }

    private var subscribedPages: Set<Int> = []

    // MARK: Time

    var wakeAt: Instant? {
        [machine?.wakeAt, waitingForMapSince?.advanced(by: host.configuration.limits.manifestTimeout)]
            .compactMap { $0 }.min()
    }

    func tick(at now: Instant) {
        if let due = machine?.wakeAt, now >= due { feed(.tick) }
        guard let since = waitingForMapSince, now >= since.advanced(by: host.configuration.limits.manifestTimeout)
        else { return }
        host.publish(.need(host.configuration.device), Need(blob: blob, missing: []))
        fail(.fetchTimedOut, "the map of blob \(blob.short) did not come")
    }

    // MARK: Map

    func mapArrived(_ digest: Digest, _ payload: UnsafeRawBufferPointer) {
        guard digest == blob, map == nil, !payload.isEmpty else { return }
        let bytes = [UInt8](payload)
        do throws(WireError) {
            let map = try BlobMap(decoding: bytes)
            guard map.image == image.digest, map.imageBytes == image.bytes else {
                return host.observer(.problem("the map of blob \(blob.short) speaks of another image"))
            }
            guard BlobDecoder.codecs.contains(map.codec) else {
                return fail(.malformedImage, "codec \(map.codec.rawValue) is not spoken by this device")
            }
            begin(map, bytes, bitmap: nil)
        } catch {
            host.observer(.problem("the map of blob \(blob.short): \(error)"))
        }
    }

    private func begin(_ map: BlobMap, _ bytes: [UInt8], bitmap: ChunkBitmap?) {
        waitingForMapSince = nil
        host.client?.unsubscribe([topics.text(.blobMap(blob))])
        let bitmap = bitmap ?? ChunkBitmap(count: map.chunks.count)
        do throws(DeviceError) {
            let limits = host.configuration.limits
            let needed = map.bytes + (map.codec == .raw ? 0 : map.imageBytes) + limits.diskReserve
            let free = try host.files.freeBytes(at: host.images.path)
            guard free >= needed else {
                throw DeviceError(.noSpace, "\(needed) bytes are needed on disk, \(free) are free")
            }
            try host.store.put(pull: blob, map: bytes, bitmap: bitmap)
            _ = try host.files.open(path, .update)
        } catch {
            return fail(error.code == .noSpace ? .noSpace : .storeFailed, error.context)
        }
        self.map = map
        mapBytes = bytes
        machine = PullMachine(
            chunkCount: map.chunks.count, pageChunks: map.pageChunks, bitmap: bitmap, delay: startDelay,
            limits: host.configuration.limits.pull, at: host.now())
        if host.isConnected { feed(.connected) }
    }

    /// Spread by a hash of the device's name, so that a fleet does not begin as one.
    private var startDelay: Interval {
        let spread = host.configuration.limits.startSpread.milliseconds
        let hash = SHA256.hash(host.configuration.device.text.utf8).bytes.prefix(4).reduce(0) { $0 << 8 | Int64($1) }
        return Interval(milliseconds: spread > 0 ? hash % spread : 0)
    }

    // MARK: Chunks

    func chunkArrived(_ digest: Digest, page: Int, index: Int, _ payload: UnsafeRawBufferPointer) {
        guard digest == blob, let map, index < map.pageChunks else { return }
        let chunk = page * map.pageChunks + index
        guard machine?.wants(chunk) == true else { return }
        let size = chunk == map.chunks.count - 1 ? map.bytes - chunk * map.chunkBytes : map.chunkBytes
        let isGood = SHA256.hash(payload) == map.chunks[chunk] || host.platform.bugs.contains(.unverifiedChunk)
        guard payload.count == size, isGood else {
            host.observer(.problem("chunk \(chunk) of blob \(blob.short) is damaged"))
            return feed(.chunk(chunk, isGood: false))
        }
        do throws(DeviceError) {
            if host.platform.bugs.contains(.bitBeforeWrite) { try storeFullBitmap(map) }
            try host.files.open(path, .update).write(payload, at: chunk * map.chunkBytes)
        } catch {
            return fail(error.code == .noSpace ? .noSpace : .storeFailed, error.context)
        }
        feed(.chunk(chunk, isGood: true))
        if let share = machine?.share { slot.feed(.fetched(image: image.digest, share: share)) }
    }

    /// A planted bug: the bits become durable before the bytes.
    private func storeFullBitmap(_ map: BlobMap) throws(DeviceError) {
        var bitmap = ChunkBitmap(count: map.chunks.count)
        for chunk in map.chunks.indices { bitmap.insert(chunk) }
        try host.store.put(pull: blob, map: mapBytes, bitmap: bitmap)
        host.flush()
    }

    private func feed(_ event: PullEvent) {
        guard let actions = machine?.handle(event, at: host.now()) else { return }
        for action in actions { perform(action) }
    }

    private func perform(_ action: PullAction) {
        switch action {
        case .subscribe(let page):
            subscribedPages.insert(page)
            host.client?.subscribe([topics.page(blob, page)], qos: .atMostOnce)
        case .unsubscribe(let page):
            subscribedPages.remove(page)
            host.client?.unsubscribe([topics.page(blob, page)])
        case .sync: sync()
        case .need(let ranges):
            host.publish(
                .need(host.configuration.device),
                Need(blob: blob, missing: Array(ranges.prefix(WireLimits.missingRanges))))
        case .finish: slot.pullFinished(image.digest)
        case .giveUp(let detail): fail(.fetchTimedOut, detail)
        }
    }

    /// First the bytes, then the bits: a bit that is set speaks of bytes that survive.
    private func sync() {
        guard let bitmap = machine?.bitmap else { return }
        do throws(DeviceError) {
            try host.files.open(path, .update).sync()
            try host.store.put(pull: blob, map: mapBytes, bitmap: bitmap)
        } catch {
            return host.observer(.problem("\(error)"))
        }
        host.flush()
    }

    private func fail(_ failure: InstallFailure, _ detail: String) {
        stop()
        slot.pullFailed(failure, detail: detail)
    }
}
