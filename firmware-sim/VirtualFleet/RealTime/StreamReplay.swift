import FleetModel
public import FrameSource
import Sketches

/// Replays a device's recorded frames as an endless live stream: each pass in another order, drawn from the seed.
///
/// Recordings are ordered by class; a live stream is not.
public struct StreamReplay: Sendable {
    private let frames: [RecordedFrame]
    private var order: [Int]
    private var position = 0
    private var generator: SeededGenerator
    /// Whole passes over the recordings so far.
    public private(set) var passes = 0

    /// - Parameter frames: One device's frames; at least one.
    public init?(frames: [RecordedFrame], seed: UInt64) {
        guard let first = frames.first else { return nil }
        self.frames = frames
        generator = SeededGenerator(seed: seed, name: first.device.text)
        order = Array(frames.indices)
        order.shuffle(using: &generator)
    }

    /// The next frame of the stream.
    public mutating func next() -> RecordedFrame {
        let frame = frames[order[position]]
        position += 1
        if position == order.count {
            position = 0
            passes += 1
            order.shuffle(using: &generator)
        }
        return frame
    }
}
