public import FleetModel
import Sketches

/// Which part of the work a frame serves.
public enum Split: String, Hashable, Sendable, CaseIterable, Codable {
    /// The weights are fitted to these.
    case training
    /// These say when to stop.
    case validation
    /// Never seen in training: the candidate and the champion are compared on these.
    case heldBack

    /// The same split for the same content and seed, whatever else a dataset holds: so a frame that was held back once
    /// stays so in every later version.
    /// - Parameters:
    ///   - content: digest of the frame's values.
    ///   - validation: share of frames for validation, 0..<1.
    ///   - heldBack: share of frames that is held back, 0..<1.
    public init(content: Digest, seed: UInt64, validation: Double = 0.1, heldBack: Double = 0.1) {
        let word = content.bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let place = Double(SeededGenerator.derive(seed, word) >> 11) * 0x1p-53
        if place < validation {
            self = .validation
        } else if place < validation + heldBack {
            self = .heldBack
        } else {
            self = .training
        }
    }
}

/// One frame of a training set beside its values.
public struct TrainingFrame: Hashable, Sendable {
    /// Index into the set's classes.
    public var classIndex: Int
    /// The device or any other name of frames that belong together: whole groups are left out in turn.
    public var group: String
    /// How much the frame counts, above 0: 1 for a frame of the original data.
    public var weight: Float
    public var split: Split

    public init(classIndex: Int, group: String, weight: Float = 1, split: Split = .training) {
        self.classIndex = classIndex
        self.group = group
        self.weight = weight
        self.split = split
    }
}

/// Frames with classes, in memory.
public struct TrainingSet: Sendable {
    public let input: FrameDescription
    public let classes: [String]
    public private(set) var frames: [TrainingFrame] = []
    /// Raw values (before normalisation) of all frames, one after the other.
    public private(set) var values: [Float] = []

    public init(input: FrameDescription, classes: [String]) {
        self.input = input
        self.classes = classes
    }

    /// Adds one frame.
    ///
    /// - Throws: `badShard` for a wrong number of values, a value that is not finite, an unknown class or a weight
    ///   that is not above 0; `limitExceeded`.
    public mutating func append(_ frame: TrainingFrame, values frameValues: [Float]) throws(TrainingError) {
        guard frameValues.count == input.valueCount else {
            throw TrainingError(
                .badShard, "frame \(frames.count) has \(frameValues.count) values, not \(input.valueCount)")
        }
        guard classes.indices.contains(frame.classIndex), frame.weight > 0, frame.weight.isFinite,
            frameValues.allSatisfy(\.isFinite)
        else {
            throw TrainingError(
                .badShard,
                "frame \(frames.count) has class \(frame.classIndex), weight \(frame.weight) or a value without meaning"
            )
        }
        guard frames.count < TrainingLimits.frames, values.count + frameValues.count <= TrainingLimits.values else {
            throw TrainingError(
                .limitExceeded, "more than \(TrainingLimits.frames) frames or \(TrainingLimits.values) values")
        }
        frames.append(frame)
        values += frameValues
    }

    /// The raw values of frame `index`.
    public func values(of index: Int) -> ArraySlice<Float> {
        values[index * input.valueCount..<(index + 1) * input.valueCount]
    }

    /// The groups, sorted.
    public var groups: [String] { Set(frames.map(\.group)).sorted() }

    /// Indices of the frames of one split.
    public func indices(of split: Split) -> [Int] { frames.indices.filter { frames[$0].split == split } }
}

extension Normalisation {
    /// Mean and population deviation of each channel over the frames that are fitted; a constant channel keeps its
    /// scale. Channels that are missing altogether give the identity.
    public init(fitting set: TrainingSet) {
        let channels = max(set.input.channels.count, 1)
        var sum = [Double](repeating: 0, count: channels)
        var squares = sum
        var count = sum
        let frames = set.indices(of: .training)
        for frame in frames {
            for (index, value) in set.values(of: frame).enumerated() {
                let channel = set.input.channel(ofValue: index)
                sum[channel] += Double(value)
                squares[channel] += Double(value) * Double(value)
                count[channel] += 1
            }
        }
        var offset: [Float] = []
        var scale: [Float] = []
        for channel in 0..<channels {
            let mean = count[channel] > 0 ? sum[channel] / count[channel] : 0
            let variance = count[channel] > 0 ? max(squares[channel] / count[channel] - mean * mean, 0) : 1
            let deviation = variance.squareRoot()
            offset.append(Float(mean))
            scale.append(deviation > 1e-6 * Swift.max(abs(mean), 1e-3) ? Float(deviation) : 1)
        }
        self.init(offset: offset, scale: scale)
    }

    /// `(value - offset) / scale` for a whole frame.
    public func applied(to values: some Sequence<Float>, of input: FrameDescription) -> [Float] {
        values.enumerated().map { index, value in
            let channel = input.channel(ofValue: index)
            return (value - offset[channel]) / scale[channel]
        }
    }
}
