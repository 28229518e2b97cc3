import MQTTTransport
import Sketches
import Testing

@testable import VirtualFleet

@Suite struct FlashTests {
    private func write(_ flash: Flash, _ path: String, _ bytes: [UInt8], at offset: Int = 0) throws {
        let file = try #require(flash.openFile(path, create: true))
        bytes.withUnsafeBytes { #expect(flash.write(file, $0, at: offset) == .done) }
    }

    private func sync(_ flash: Flash, _ path: String) throws {
        #expect(flash.sync(try #require(flash.file(path))) == .done)
    }

    @Test("what was synced survives every power cut", arguments: 0..<50 as Range<UInt64>)
    func synced(seed: UInt64) throws {
        let flash = Flash()
        var chance = SeededGenerator(seed: seed)
        try write(flash, "a", [1, 2, 3])
        try sync(flash, "a")
        flash.kill()
        flash.powerUp(&chance)
        #expect(flash.contents("a") == [1, 2, 3])
    }

    @Test("what was not synced survives sometimes whole, sometimes in part, sometimes not at all")
    func unsynced() throws {
        var seen: Set<Int> = []
        for seed in 0..<200 as Range<UInt64> {
            let flash = Flash()
            var chance = SeededGenerator(seed: seed)
            try write(flash, "a", Array(repeating: 0, count: 1024))
            try sync(flash, "a")
            try write(flash, "a", Array(repeating: 1, count: 1024))
            flash.kill()
            flash.powerUp(&chance)
            seen.insert(flash.contents("a")?.reduce(0) { $0 + Int($1) } ?? -1)
        }
        #expect(seen == [0, 512, 1024])
    }

    @Test("whatever happened since the last sync can be taken back", arguments: 0..<400 as Range<UInt64>)
    func takenBack(seed: UInt64) throws {
        let flash = Flash()
        var chance = SeededGenerator(seed: seed)
        let file = try #require(flash.openFile("a", create: true))
        var synced: [UInt8] = []
        for step in 0..<40 {
            switch chance.below(8) {
            case 0: #expect(flash.truncate(file, to: Int(chance.below(64))) == .done)
            case 1:
                #expect(flash.sync(file) == .done)
                synced = file.bytes
            case 2:
                // A bad cell is bad in what was there at the last sync, too.
                let before = file.bytes
                guard flash.rot("a", &chance) else { continue }
                let index = try #require(before.indices.first { before[$0] != file.bytes[$0] })
                if synced.indices.contains(index) { synced[index] ^= 0x10 }
            default:
                let offset = Int(chance.below(64))
                try write(flash, "a", Array(repeating: UInt8(step), count: 1 + step % 9), at: offset)
            }
            #expect(file.durable == synced)
        }
    }

    @Test("a rename is durable when it returns; a deletion may come undone")
    func names() throws {
        var undone = 0
        for seed in 0..<100 as Range<UInt64> {
            let flash = Flash()
            var chance = SeededGenerator(seed: seed)
            try write(flash, "a.new", [7])
            try sync(flash, "a.new")
            #expect(flash.rename("a.new", to: "a"))
            try write(flash, "b", [8])
            try sync(flash, "b")
            flash.remove("b")
            flash.kill()
            flash.powerUp(&chance)
            #expect(flash.contents("a") == [7])
            #expect(flash.contents("a.new") == nil)
            if flash.contents("b") != nil { undone += 1 }
        }
        #expect((1..<100).contains(undone))
    }

    @Test("a cut at an operation stops everything from that operation on")
    func cut() throws {
        let flash = Flash()
        try write(flash, "a", [1])
        flash.cut(at: flash.operations + 1)
        let file = try #require(flash.file("a"))
        #expect(flash.sync(file) == .noPower)
        #expect(flash.isDead)
        #expect(flash.file("a") == nil)
    }

    @Test("a full disk refuses what does not fit")
    func full() throws {
        let flash = Flash()
        flash.capacity = 4
        let file = try #require(flash.openFile("a", create: true))
        [1, 2, 3, 4].withUnsafeBytes { #expect(flash.write(file, $0, at: 0) == .full) }
        [UInt8(1), 2].withUnsafeBytes { #expect(flash.write(file, $0, at: 0) == .done) }
    }
}

@Suite struct VirtualBrokerTests {
    @Test(
        "filters match as MQTT says",
        arguments: [
            ("a/+/c", "a/b/c", true), ("a/+", "a/b/c", false), ("a/#", "a/b/c", true), ("+/+", "a", false),
            ("a/b", "a/b", true), ("a/+/c", "a//c", true), ("+/c", "a/b", false), ("a/+/c/#", "a/b", false),
            // The same letter in one code point and in two: other bytes, another topic.
            ("\u{E9}/+", "\u{E9}/b", true), ("\u{E9}/+", "e\u{301}/b", false), ("+/\u{301}", "a/\u{301}", true),
        ])
    func filters(filter: String, topic: String, matches: Bool) {
        #expect(TopicFilter(filter).matches(topic) == matches)
    }

    @Test("a late subscriber gets what is retained; the empty message deletes it")
    func retained() throws {
        let queue = EventQueue()
        let broker = VirtualBroker(queue: queue, seed: 1)
        broker.publish("a/b", [1], retain: true)
        broker.publish("a/c", [2], retain: true)
        broker.publish("a/c", [], retain: true)
        var seen: [String] = []
        let session = try #require(
            broker.open("x", will: nil, deliver: { seen.append($0.topic) }, ended: {}))
        broker.subscribe(session, "a/+", .atLeastOnce)
        while let work = queue.pop() { work() }
        #expect(seen == ["a/b"])
    }
}
