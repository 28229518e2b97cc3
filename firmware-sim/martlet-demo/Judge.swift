import FleetModel
import Foundation
import FrameSource
import VirtualFleet

/// Judges from outside: the devices' own predictions, joined to the truth that no device and no controller knows.
struct Judge {
    /// Right and wrong answers.
    struct Tally {
        var right = 0
        var total = 0
        /// NaN where nothing was counted.
        var accuracy: Double { total == 0 ? .nan : Double(right) / Double(total) }
    }

    private let truth: [String: [Int]]
    private let tags: [String: [String: String]]

    init(frames: [RecordedFrame]) {
        var truth: [String: [Int]] = [:]
        var tags: [String: [String: String]] = [:]
        for frame in frames {
            truth[frame.device.text, default: []].append(frame.classIndex)
            tags[frame.device.text] = frame.tags
        }
        self.truth = truth
        self.tags = tags
    }

    /// The truth about one frame of a device.
    func classIndex(device: String, frame: Int) -> Int? {
        guard let frames = truth[device], frames.indices.contains(frame) else { return nil }
        return frames[frame]
    }

    /// Accuracy of one version on the devices that a selector picks.
    func tally(_ entries: [PredictionLog.Entry], version: Int, selector: Selector) -> Tally {
        var tally = Tally()
        for entry in entries where entry.version == version {
            guard let device = try? DeviceID(entry.device), selector.matches(device, tags: tags[entry.device] ?? [:]),
                let truth = classIndex(device: entry.device, frame: entry.frame)
            else { continue }
            tally.total += 1
            tally.right += truth == entry.classIndex ? 1 : 0
        }
        return tally
    }
}

/// The predictions logged in a folder, read on from where the last look ended.
struct PredictionReader {
    private let folder: String
    private var offsets: [String: UInt64] = [:]
    private(set) var entries: [PredictionLog.Entry] = []

    init(folder: String) { self.folder = folder }

    /// Takes in what was logged since the last time.
    ///
    /// - Returns: the new entries.
    @discardableResult
    mutating func readOn() throws -> [PredictionLog.Entry] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let new = try files.filter { $0.hasSuffix(".csv") }.flatMap { file in
            try PredictionLog.entries(at: "\(folder)/\(file)", from: &offsets[file, default: 0])
        }
        entries += new
        return new
    }
}
