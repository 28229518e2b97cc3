public import FleetModel

/// Bounds of one pull.
public struct PullLimits: Hashable, Sendable {
    /// Pages that are open at the same time.
    public var openPages = 2
    /// Without a new chunk for this long a page is subscribed to again: retained messages then come once more.
    public var timeout = Interval.seconds(5)
    /// The longest timeout that slow pages lead to.
    public var timeoutCap = Interval.seconds(60)
    /// Timeouts of a page until the controller is asked to seed its missing chunks again.
    public var timeoutsUntilNeed = 3
    /// Times that the controller is asked before the pull gives up.
    public var needs = 5
    /// What is on disk survives a power cut after this long, and what the sync takes; until then a cut may cost it.
    public var syncEvery = Interval.seconds(10)
    /// Bytes a second that pages are opened for, so that a thin link has room for telemetry; 0: as fast as they come.
    public var bytesPerSecond = 0

    public init() {}
}

/// What a pull hears.
public enum PullEvent: Hashable, Sendable {
    /// The connection is up; earlier subscriptions are void.
    case connected
    case disconnected
    /// A chunk that the pull `wants` came: with its digest, and written to the file; or with another.
    case chunk(Int, isGood: Bool)
    case tick
}

/// What the shell must do for a pull.
public enum PullAction: Hashable, Sendable {
    case subscribe(page: Int)
    case unsubscribe(page: Int)
    /// A page is whole: write its bits down.
    case save
    /// The same, and sync the file and then the bits.
    case sync
    /// Ask the controller to seed these chunks again.
    case need([Range<Int>])
    /// Every chunk is held.
    case finish
    /// The controller was asked often enough.
    case giveUp(detail: String)
}

/// Pulls a blob by windows of pages: subscribe to a page, take its retained chunks, unsubscribe, next.
public struct PullMachine: Sendable {
    public let chunkCount: Int
    public let pageChunks: Int
    public let limits: PullLimits
    public private(set) var bitmap: ChunkBitmap
    /// Chunks that came with a wrong digest.
    public private(set) var badChunks = 0

    private struct OpenPage: Hashable, Sendable {
        var openedAt: Instant
        var lastProgress: Instant
        var timeouts = 0
        /// A chunk came with another digest: waiting will not mend it.
        var isDamaged = false
    }

    private var open: [Int: OpenPage] = [:]
    private var isConnected = false
    private var isOver = false
    private var needsSent = 0
    private let pageBytes: Int
    /// Pages below are whole.
    private var firstOpenPage = 0
    /// No page is opened before: the start's spread, then the rate.
    private var nextPageAt: Instant
    private var lastSync: Instant
    /// Smoothed time that a page takes, in milliseconds.
    private var pageTime: Int64 = 0

    /// - Parameters:
    ///   - chunkBytes: size of a chunk, for the rate.
    ///   - bitmap: chunks that an earlier pull left on disk.
    ///   - delay: waited before the first subscription, so that a fleet does not begin at once.
    public init(
        chunkCount: Int, pageChunks: Int, chunkBytes: Int, bitmap: ChunkBitmap, delay: Interval,
        limits: PullLimits = PullLimits(), at now: Instant
    ) {
        self.chunkCount = chunkCount
        self.pageChunks = max(1, pageChunks)
        self.bitmap = bitmap.count == chunkCount ? bitmap : ChunkBitmap(count: chunkCount)
        self.limits = limits
        pageBytes = self.pageChunks * chunkBytes
        nextPageAt = now.advanced(by: delay)
        lastSync = now
    }

    /// Share of the chunks that are held, 0...1.
    public var share: Float { chunkCount == 0 ? 1 : Float(bitmap.held) / Float(chunkCount) }

    /// Whether a chunk is worth hashing: false for duplicates, closed pages and strangers.
    public func wants(_ chunk: Int) -> Bool {
        !isOver && (0..<chunkCount).contains(chunk) && !bitmap[chunk] && open[chunk / pageChunks] != nil
    }

    public mutating func handle(_ event: PullEvent, at now: Instant) -> [PullAction] {
        guard !isOver else { return [] }
        switch event {
        case .connected:
            isConnected = true
            open.removeAll()
            return openPages(at: now)
        case .disconnected:
            isConnected = false
            open.removeAll()
            return []
        case .chunk(let index, let isGood): return take(index, isGood: isGood, at: now)
        case .tick: return tick(at: now)
        }
    }

    /// When `tick` is due; nil while there is no connection.
    public var wakeAt: Instant? {
        guard isConnected, !isOver else { return nil }
        let first = open.count < limits.openPages && opensMore ? nextPageAt : nil
        return open.values.reduce(first) { .earlier($0, $1.lastProgress.advanced(by: timeout(of: $1))) }
    }

    // MARK: Chunks

    private mutating func take(_ index: Int, isGood: Bool, at now: Instant) -> [PullAction] {
        guard wants(index) else { return [] }
        let page = index / pageChunks
        guard isGood else {
            // The same bytes would come again: only the controller can mend them, asked at the page's next timeout.
            badChunks += 1
            open[page]?.isDamaged = true
            return []
        }
        bitmap.insert(index)
        open[page]?.lastProgress = now
        open[page]?.timeouts = 0
        guard bitmap.holdsAll(of: chunks(of: page)) else { return [] }
        return close(page, at: now) + openPages(at: now)
    }

    private mutating func close(_ page: Int, at now: Instant) -> [PullAction] {
        if let closed = open.removeValue(forKey: page) {
            let took = now.since(closed.openedAt).milliseconds
            pageTime = pageTime == 0 ? took : (3 * pageTime + took) / 4
        }
        guard now.since(lastSync) >= limits.syncEvery else { return [.unsubscribe(page: page), .save] }
        lastSync = now
        return [.unsubscribe(page: page), .sync]
    }

    private mutating func openPages(at now: Instant) -> [PullAction] {
        if bitmap.isComplete {
            isOver = true
            return [.finish]
        }
        guard isConnected else { return [] }
        while firstOpenPage < pageCount, bitmap.holdsAll(of: chunks(of: firstOpenPage)) { firstOpenPage += 1 }
        var actions: [PullAction] = []
        for page in firstOpenPage..<pageCount where open[page] == nil {
            guard open.count < limits.openPages, now >= nextPageAt else { break }
            guard !bitmap.holdsAll(of: chunks(of: page)) else { continue }
            open[page] = OpenPage(openedAt: now, lastProgress: now)
            actions.append(.subscribe(page: page))
            guard limits.bytesPerSecond > 0 else { continue }
            nextPageAt = now.advanced(by: Interval(milliseconds: Int64(1000 * pageBytes / limits.bytesPerSecond)))
        }
        return actions
    }

    private var pageCount: Int { (chunkCount + pageChunks - 1) / pageChunks }

    /// Whether a page is left that could be opened.
    private var opensMore: Bool {
        (firstOpenPage..<pageCount).contains { open[$0] == nil && !bitmap.holdsAll(of: chunks(of: $0)) }
    }

    private func chunks(of page: Int) -> Range<Int> {
        page * pageChunks..<min((page + 1) * pageChunks, chunkCount)
    }

    // MARK: Time

    /// Four times what a page took lately, within the limits, and twice that after each timeout of the page.
    private func timeout(of page: OpenPage) -> Interval {
        let adapted = max(limits.timeout.milliseconds, 4 * pageTime)
        return Interval(milliseconds: min(adapted << Int64(min(page.timeouts, 8)), limits.timeoutCap.milliseconds))
    }

    private mutating func tick(at now: Instant) -> [PullAction] {
        guard isConnected else { return [] }
        var actions = openPages(at: now)
        guard !isOver else { return actions }
        for (number, page) in open.sorted(by: { $0.key < $1.key })
        where now.since(page.lastProgress) >= timeout(of: page) {
            var late = page
            late.timeouts += 1
            late.lastProgress = now
            actions += [.unsubscribe(page: number), .subscribe(page: number)]
            if late.timeouts >= limits.timeoutsUntilNeed || late.isDamaged {
                guard needsSent < limits.needs else { return giveUp() }
                needsSent += 1
                late.timeouts = 0
                late.isDamaged = false
                actions.append(.need(bitmap.missing(in: chunks(of: number))))
            }
            open[number] = late
        }
        return actions
    }

    private mutating func giveUp() -> [PullAction] {
        isOver = true
        let pages = open.keys.sorted().map { PullAction.unsubscribe(page: $0) }
        let missing = chunkCount - bitmap.held
        return pages + [.sync, .giveUp(detail: "\(missing) of \(chunkCount) chunks never came")]
    }
}
