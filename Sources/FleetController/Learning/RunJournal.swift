import Foundation
import Synchronization
import Training

/// Progress and log of a run, written by the trainer's thread and read by the one that stores them.
final class RunJournal: Sendable {
    /// Characters of the log that are kept: its end.
    static let logCharacters = 64 << 10

    private struct State {
        var progress = 0.0
        var log = ""
    }

    private let state = Mutex(State())

    /// Takes a line of a trainer: progress if it is JSON of the contract, log in any case.
    func take(line: String) {
        let progress = try? JSONDecoder().decode(TrainingProgress.self, from: Data(line.utf8))
        state.withLock { state in
            if let progress { state.progress = max(state.progress, min(max(progress.progress, 0), 1)) }
            state.log += line + "\n"
            if state.log.count > Self.logCharacters { state.log = String(state.log.suffix(Self.logCharacters / 2)) }
        }
    }

    /// Takes progress of a trainer in this process.
    func take(_ progress: TrainingProgress) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        guard let line = try? encoder.encode(progress) else { return }
        take(line: String(decoding: line, as: UTF8.self))
    }

    var snapshot: (progress: Double, log: String) { state.withLock { ($0.progress, $0.log) } }
}
