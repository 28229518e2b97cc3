import DeviceCore
import FleetModel
import Sketches
import Testing

@Suite("Pulling pages")
struct PullMachineTests {
    private static let start = Instant(milliseconds: 0)

    private static func machine(chunks: Int, held: Set<Int> = [], delay: Int64 = 0, limits: PullLimits = PullLimits())
        -> PullMachine
    {
        var bitmap = ChunkBitmap(count: chunks)
        for index in held { bitmap.insert(index) }
        return PullMachine(
            chunkCount: chunks, pageChunks: 4, chunkBytes: 100, bitmap: bitmap, delay: Interval(milliseconds: delay),
            limits: limits, at: start)
    }

    private static func at(_ seconds: Int64) -> Instant { start.advanced(by: .seconds(seconds)) }

    @Test("two pages are open, and the next opens when one is whole")
    func window() {
        var pull = Self.machine(chunks: 14)
        #expect(pull.handle(.connected, at: Self.start) == [.subscribe(page: 0), .subscribe(page: 1)])
        for chunk in 4..<7 { #expect(pull.handle(.chunk(chunk, isGood: true), at: Self.start).isEmpty) }
        #expect(
            pull.handle(.chunk(7, isGood: true), at: Self.start)
                == [.unsubscribe(page: 1), .save, .subscribe(page: 2)])
        for chunk in [0, 1, 2, 3, 8, 9, 10, 11] { _ = pull.handle(.chunk(chunk, isGood: true), at: Self.start) }
        #expect(pull.handle(.chunk(12, isGood: true), at: Self.start).isEmpty)
        #expect(pull.handle(.chunk(13, isGood: true), at: Self.start) == [.unsubscribe(page: 3), .save, .finish])
        #expect(pull.share == 1)
        #expect(pull.wakeAt == nil)
    }

    @Test("a resumed pull asks only for pages with holes, and wants only the holes")
    func resume() {
        var pull = Self.machine(chunks: 12, held: [0, 1, 2, 3, 5, 8, 9, 10, 11])
        #expect(pull.handle(.connected, at: Self.start) == [.subscribe(page: 1)])
        #expect(!pull.wants(5))
        #expect(pull.wants(4))
        #expect(!pull.wants(0))
        #expect(!pull.wants(12))
        #expect(!pull.wants(-1))
    }

    @Test("a page that ends long after the last sync is synced, others only written down")
    func sync() {
        var pull = Self.machine(chunks: 12)
        _ = pull.handle(.connected, at: Self.start)
        for chunk in 0..<3 { _ = pull.handle(.chunk(chunk, isGood: true), at: Self.at(4)) }
        #expect(pull.handle(.chunk(3, isGood: true), at: Self.at(9)).contains(.save))
        for chunk in 4..<7 { _ = pull.handle(.chunk(chunk, isGood: true), at: Self.at(9)) }
        #expect(pull.handle(.chunk(7, isGood: true), at: Self.at(10)).contains(.sync))
        for chunk in 8..<11 { _ = pull.handle(.chunk(chunk, isGood: true), at: Self.at(11)) }
        #expect(pull.handle(.chunk(11, isGood: true), at: Self.at(11)).contains(.save))
    }

    @Test("with a byte rate the next page waits for its turn, and the pull still ends")
    func rate() {
        var limits = PullLimits()
        limits.bytesPerSecond = 100
        var pull = Self.machine(chunks: 12, limits: limits)
        #expect(pull.handle(.connected, at: Self.start) == [.subscribe(page: 0)])
        for chunk in 0..<4 { _ = pull.handle(.chunk(chunk, isGood: true), at: Self.start) }
        #expect(pull.wakeAt == Self.at(4))
        #expect(pull.handle(.tick, at: Self.at(3)).isEmpty)
        #expect(pull.handle(.tick, at: Self.at(4)) == [.subscribe(page: 1)])
        #expect(pull.handle(.tick, at: Self.at(8)) == [.subscribe(page: 2)])
        for chunk in 4..<12 { _ = pull.handle(.chunk(chunk, isGood: true), at: Self.at(8)) }
        #expect(pull.bitmap.isComplete)
    }

    @Test("a whole blob is finished at once")
    func whole() {
        var pull = Self.machine(chunks: 2, held: [0, 1])
        #expect(pull.handle(.connected, at: Self.start) == [.finish])
        #expect(pull.handle(.connected, at: Self.start).isEmpty)
    }

    @Test("the start is delayed so that a fleet spreads")
    func spread() {
        var pull = Self.machine(chunks: 2, delay: 700)
        #expect(pull.handle(.connected, at: Self.start).isEmpty)
        #expect(pull.wakeAt == Instant(milliseconds: 700))
        #expect(pull.handle(.tick, at: Instant(milliseconds: 700)) == [.subscribe(page: 0)])
    }

    @Test("a silent page is asked for again, and after three times the controller is asked")
    func timeouts() {
        var pull = Self.machine(chunks: 4)
        _ = pull.handle(.connected, at: Self.start)
        _ = pull.handle(.chunk(1, isGood: true), at: Self.start)
        let again: [PullAction] = [.unsubscribe(page: 0), .subscribe(page: 0)]
        #expect(pull.handle(.tick, at: Self.at(4)).isEmpty)
        #expect(pull.handle(.tick, at: Self.at(5)) == again)
        #expect(pull.handle(.tick, at: Self.at(14)).isEmpty)
        #expect(pull.handle(.tick, at: Self.at(15)) == again)
        #expect(pull.handle(.tick, at: Self.at(35)) == again + [.need([0..<1, 2..<4])])
    }

    @Test("asked five times in vain, the pull gives up")
    func giveUp() {
        var pull = Self.machine(chunks: 4)
        _ = pull.handle(.connected, at: Self.start)
        var needs = 0
        var actions: [PullAction] = []
        for _ in 0..<100 where !actions.contains(where: { if case .giveUp = $0 { true } else { false } }) {
            guard let due = pull.wakeAt else { break }
            actions = pull.handle(.tick, at: due)
            needs += actions.count { if case .need = $0 { true } else { false } }
        }
        #expect(needs == 5)
        #expect(actions.last == .giveUp(detail: "4 of 4 chunks never came"))
        #expect(actions.contains(.sync))
        #expect(!pull.wants(0))
    }

    @Test("progress puts the timeout off")
    func progress() {
        var pull = Self.machine(chunks: 4)
        _ = pull.handle(.connected, at: Self.start)
        _ = pull.handle(.chunk(0, isGood: true), at: Self.at(4))
        #expect(pull.handle(.tick, at: Self.at(8)).isEmpty)
        #expect(pull.wakeAt == Self.at(9))
    }

    @Test("a damaged chunk is asked for at its page's first timeout: waiting would not mend it")
    func damaged() {
        var pull = Self.machine(chunks: 8)
        _ = pull.handle(.connected, at: Self.start)
        for chunk in [0, 1, 3, 4, 5] { _ = pull.handle(.chunk(chunk, isGood: true), at: Self.start) }
        _ = pull.handle(.chunk(2, isGood: false), at: Self.start)
        let actions = pull.handle(.tick, at: Self.at(6))
        #expect(actions.contains(.need([2..<3])))
        // The other page misses chunks that nobody damaged: it has more patience.
        #expect(!actions.contains(.need([6..<8])))
    }

    @Test("a bad chunk is not held, is counted, and may come good later")
    func badChunk() {
        var pull = Self.machine(chunks: 1)
        _ = pull.handle(.connected, at: Self.start)
        #expect(pull.handle(.chunk(0, isGood: false), at: Self.start).isEmpty)
        #expect(pull.badChunks == 1)
        #expect(pull.share == 0)
        #expect(pull.handle(.chunk(0, isGood: true), at: Self.start).last == .finish)
    }

    @Test("a lost connection keeps what is held and starts the pages anew")
    func reconnect() {
        var pull = Self.machine(chunks: 8)
        _ = pull.handle(.connected, at: Self.start)
        for chunk in 0..<4 { _ = pull.handle(.chunk(chunk, isGood: true), at: Self.start) }
        #expect(pull.handle(.disconnected, at: Self.at(1)).isEmpty)
        #expect(!pull.wants(4))
        #expect(pull.wakeAt == nil)
        #expect(pull.handle(.tick, at: Self.at(100)).isEmpty)
        #expect(pull.handle(.connected, at: Self.at(101)) == [.subscribe(page: 1)])
    }

    @Test("any mixture of loss, damage, repetition and reconnects ends whole", arguments: 0..<100)
    func randomNetwork(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var pull = Self.machine(chunks: 1 + Int(random.next() % 60))
        var open: Set<Int> = []
        var now = Self.start
        var isFinished = false
        func apply(_ actions: [PullAction]) {
            for action in actions {
                switch action {
                case .subscribe(let page): open.insert(page)
                case .unsubscribe(let page): open.remove(page)
                case .finish: isFinished = true
                case .save, .sync, .need, .giveUp: break
                }
            }
            #expect(open.count <= 2)
        }
        apply(pull.handle(.connected, at: now))
        for _ in 0..<20_000 where !isFinished {
            now = now.advanced(by: Interval(milliseconds: Int64(random.next() % 200)))
            switch random.next() % 100 {
            case 0:
                apply(pull.handle(.disconnected, at: now))
                open.removeAll()
                apply(pull.handle(.connected, at: now))
            case 1...3: apply(pull.handle(.tick, at: now))
            default:
                guard let page = open.randomElement(seed: &random) else { continue }
                let chunk = page * 4 + Int(random.next() % 4)
                if pull.wants(chunk) { apply(pull.handle(.chunk(chunk, isGood: random.next() % 8 != 0), at: now)) }
            }
        }
        #expect(isFinished)
        #expect(pull.bitmap.isComplete)
    }
}

extension Set<Int> {
    fileprivate func randomElement(seed: inout SeededGenerator) -> Int? {
        isEmpty ? nil : sorted()[Int(seed.next() % UInt64(count))]
    }
}

@Suite("The bitmap of chunks")
struct ChunkBitmapTests {
    @Test("bits survive their stored form", arguments: [0, 1, 7, 8, 9, 63, 64, 65, 1000])
    func stored(count: Int) throws {
        var bitmap = ChunkBitmap(count: count)
        for index in stride(from: 0, to: count, by: 3) { bitmap.insert(index) }
        let read = try #require(ChunkBitmap(count: count, bytes: bitmap.bytes))
        #expect(read == bitmap)
        #expect(read.held == (count + 2) / 3)
    }

    @Test("bytes that do not fit the count are refused")
    func refused() {
        #expect(ChunkBitmap(count: 9, bytes: [0xFF]) == nil)
        #expect(ChunkBitmap(count: 9, bytes: [0xFF, 0x02]) == nil)
        #expect(ChunkBitmap(count: 9, bytes: [0xFF, 0x01])?.isComplete == true)
    }

    @Test("what is missing is told as ranges")
    func missing() {
        var bitmap = ChunkBitmap(count: 8)
        for index in [0, 3, 4] { bitmap.insert(index) }
        #expect(bitmap.missing(in: 0..<8) == [1..<3, 5..<8])
        #expect(bitmap.missing(in: 3..<5).isEmpty)
        #expect(bitmap.missing(in: 6..<100) == [6..<8])
    }
}
