import FleetModel
import Foundation
import FrameSource
import Sketches
import Testing
import VirtualFleet

private func frames(_ count: Int, device: String = "d1") -> [RecordedFrame] {
    (0..<count).map {
        RecordedFrame(
            device: DeviceID(unchecked: device), index: $0, tags: [:], classIndex: $0 % 2, values: [Float($0)])
    }
}

@Suite("A replayed stream")
struct StreamReplayTests {
    @Test("each pass shows every frame once, in another order")
    func passes() throws {
        var replay = try #require(StreamReplay(frames: frames(50), seed: 1))
        let first = (0..<50).map { _ in replay.next().index }
        let second = (0..<50).map { _ in replay.next().index }
        #expect(first.sorted() == Array(0..<50))
        #expect(second.sorted() == Array(0..<50))
        #expect(first != second)
        #expect(first != Array(0..<50))
        #expect(replay.passes == 2)
    }

    @Test("a seed replays the same stream, another seed another one")
    func seeds() throws {
        func order(_ seed: UInt64, _ device: String = "d1") throws -> [Int] {
            var replay = try #require(StreamReplay(frames: frames(30, device: device), seed: seed))
            return (0..<60).map { _ in replay.next().index }
        }
        #expect(try order(7) == order(7))
        #expect(try order(7) != order(8))
        #expect(try order(7, "d1") != order(7, "d2"))
    }

    @Test("a device without recordings has no stream")
    func empty() {
        #expect(StreamReplay(frames: [], seed: 1) == nil)
    }

    @Test("SplitMix64 gives the reference sequence")
    func generator() {
        // Reference values of Vigna's splitmix64.c for the seed 1234567.
        var generator = SeededGenerator(seed: 1_234_567)
        #expect(generator.next() == 6_457_827_717_110_365_317)
        #expect(generator.next() == 3_203_168_211_198_807_973)
        #expect(generator.next() == 9_817_491_932_198_370_423)
    }
}

@Suite("The prediction log")
struct PredictionLogTests {
    @Test("what was written is read once, from the last whole line on; a line that is cut off waits for its end")
    func roundTrip() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString).csv")
            .path
        let log = try PredictionLog(path: path)
        let entry = PredictionLog.Entry(device: "s1L", frame: 3, version: 2, classIndex: 6)
        try log.append(entry, atMilliseconds: 5)
        try log.flush()
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("s1L,4,".utf8))
        var offset: UInt64 = 0
        #expect(try PredictionLog.entries(at: path, from: &offset) == [entry])
        #expect(try PredictionLog.entries(at: path, from: &offset) == [])
        try handle.write(contentsOf: Data("2,1,9\n".utf8))
        let next = PredictionLog.Entry(device: "s1L", frame: 4, version: 2, classIndex: 1)
        #expect(try PredictionLog.entries(at: path, from: &offset) == [next])
    }

    @Test("a folder that cannot be written is an error that names it")
    func unwritable() {
        #expect(throws: SimulationError.self) { try PredictionLog(path: "/proc/nothing/x.csv") }
    }
}
