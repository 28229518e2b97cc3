import DeviceCore
import DeviceHost
import FleetModel
import Sketches
import Testing

@testable import VirtualFleet

/// The power goes at every durable operation of every step of an agent's update.
@Suite("The agent's record on flash") struct AgentRecordFlashTests {
    private static let old = Digest(Array(repeating: 1, count: 32))
    private static let new = Digest(Array(repeating: 2, count: 32))

    /// The steps of an update, of which each stores the record once.
    private enum Step: CaseIterable {
        /// The old program notes that the new one is to be tried.
        case attempt
        /// The installed program counts a start.
        case start, startAgain, startLast
        /// The new program is committed, or was left before.
        case end
    }

    private static func apply(_ step: Step, to record: inout AgentRecord) {
        switch step {
        case .attempt: if let new { record.attempt(new, from: old) }
        case .start, .startAgain, .startLast: _ = record.start(at: 10)
        case .end: record.settle(on: new, previous: old)
        }
    }

    @Test("leaves a record from before or after the step, never none and never another", arguments: 1...40)
    func cuts(_ operation: Int) throws {
        for seed in 0..<8 as Range<UInt64> {
            let flash = Flash()
            let file = AgentRecordFile(folder: "state", files: FlashFiles(flash: flash))
            var record = AgentRecord()
            record.settle(on: Self.old, previous: nil)
            try file.store(record)
            flash.cut(at: flash.operations + operation)
            var allowed = [record]
            for step in Step.allCases {
                Self.apply(step, to: &record)
                allowed.append(record)
                do { try file.store(record) } catch { break }
                allowed.removeFirst()
            }
            var chance = SeededGenerator(seed: seed)
            flash.powerUp(&chance)
            let found = file.load()
            #expect(allowed.contains(found), "cut \(operation), seed \(seed)")
            expectAProgram(from: found)
        }
    }

    /// Whatever the record says, starts end at the installed program if nothing else lives.
    private func expectAProgram(from record: AgentRecord) {
        var record = record
        let most = AgentRecord.trialStarts + 2 * AgentRecord.steadyStarts
        for _ in 0..<most where record.start(at: 0) == .installed { return }
        let last = record.start(at: 0)
        #expect(last == .installed)
    }

    @Test("a record that was damaged starts the installed program")
    func damage() throws {
        let flash = Flash()
        let files = FlashFiles(flash: flash)
        let file = AgentRecordFile(folder: "state", files: files)
        var record = AgentRecord()
        record.settle(on: Self.old, previous: nil)
        try file.store(record)
        let open = try files.open("state/agent", .update)
        try [UInt8](repeating: 0xFF, count: 8).withUnsafeBytes { try open.write($0, at: 0) }
        #expect(file.load() == AgentRecord())
    }
}
