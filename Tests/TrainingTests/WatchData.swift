import FleetModel
import Foundation
import Sketches

@testable import Training

/// The project's watch recordings as frames of 50 × 6, hop 25. One subject and arm is one device.
struct WatchData {
    struct Frame {
        var subject: Int
        var side: String
        var classIndex: Int
        var values: [Float]

        var device: String { "s\(subject)\(side)" }
    }

    let frames: [Frame]
    let classes: [String]
    let input = FrameDescription(
        kind: .timeseries, steps: 50, width: 6,
        channels: ["ax", "ay", "az"].map { Channel(name: $0, unit: "g") }
            + ["wx", "wy", "wz"].map { Channel(name: $0, unit: "rad/s") })

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../config/data")

    init() throws {
        let array = [UInt8](try Data(contentsOf: Self.folder.appending(path: "watch_imu_25hz.npy")))
        let start = 10 + Int(array[8]) + Int(array[9]) << 8
        let rows = (array.count - start) / 12
        func reading(_ row: Int, _ column: Int) -> Float {
            let place = start + 2 * (column * rows + row)  // the file is in column-major order
            return Float(Int16(truncatingIfNeeded: Int(array[place]) | Int(array[place + 1]) << 8)) / 1000
        }
        let index = try String(contentsOf: Self.folder.appending(path: "watch_imu_25hz.csv"), encoding: .utf8)
        var frames: [Frame] = []
        var classes: [String] = []
        for line in index.split(whereSeparator: \.isNewline).dropFirst() {
            let fields = line.split(separator: ",").map(String.init)
            if !classes.contains(fields[3]) { classes.append(fields[3]) }
            guard let subject = Int(fields[1]), let first = Int(fields[4]), let rows = Int(fields[5]),
                let classIndex = classes.firstIndex(of: fields[3])
            else { continue }
            for row in stride(from: first, through: first + rows - 50, by: 25) {
                let values = (row..<row + 50).flatMap { row in (0..<6).map { reading(row, $0) } }
                frames.append(Frame(subject: subject, side: fields[2], classIndex: classIndex, values: values))
            }
        }
        self.frames = frames
        self.classes = classes
    }

    /// Indices of frames of one side and some subjects.
    func indices(side: String, subjects: ClosedRange<Int>) -> [Int] {
        frames.indices.filter { frames[$0].side == side && subjects.contains(frames[$0].subject) }
    }

    /// A set of the original frames (weight 1) and of annotated ones with their probabilities.
    func set(original: [Int], annotated: [(index: Int, probability: Float)], seed: UInt64) throws -> TrainingSet {
        var set = TrainingSet(input: input, classes: classes)
        let weights = SampleWeights.weights(probabilities: annotated.map(\.probability))
        for index in original { try append(index, 1, seed, to: &set) }
        for (place, sample) in annotated.enumerated() { try append(sample.index, weights[place], seed, to: &set) }
        return set
    }

    private func append(_ index: Int, _ weight: Float, _ seed: UInt64, to set: inout TrainingSet) throws {
        let frame = frames[index]
        try set.append(
            TrainingFrame(
                classIndex: frame.classIndex, group: frame.device, weight: weight,
                split: Split(content: Self.digest(index), seed: seed)), values: frame.values)
    }

    /// Stands for the digest of a frame's values.
    private static func digest(_ index: Int) -> Digest {
        var generator = SeededGenerator(seed: UInt64(index))
        return Digest((0..<32).map { _ in UInt8(truncatingIfNeeded: generator.next()) })!
    }
}
