import DeviceCore
public import FleetModel
import FleetWire

/// What applications on the device ask for. Everything here belongs on the loop's thread.
extension DeviceHost {
    /// Answers one frame of raw values (before normalisation), row by row.
    ///
    /// - Parameter tag: the application's own name for the frame; it travels with a sample of it. At most 64 bytes.
    /// - Throws: `notReady`, `badFrame` or `inferenceFailed`.
    public func infer(
        slot: SlotName = .main, frame: UnsafeBufferPointer<Float>, tag: String = ""
    ) throws(DeviceError) -> Inference {
        guard let inference = try infer(slot, [frame], tag: tag).first else {
            throw DeviceError(.inferenceFailed, "no answer")
        }
        return inference
    }

    /// Answers one frame of raw values in an array.
    public func infer(slot: SlotName = .main, frame: [Float], tag: String = "") throws(DeviceError) -> Inference {
        guard let inference = try infer(slot: slot, frames: [frame], tag: tag).first else {
            throw DeviceError(.inferenceFailed, "no answer")
        }
        return inference
    }

    /// Answers several frames, all by one release, even if another begins to serve meanwhile.
    public func infer(slot: SlotName = .main, frames: [[Float]], tag: String = "") throws(DeviceError) -> [Inference] {
        let count = frames.reduce(0) { $0 + $1.count }
        let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
        defer { values.deallocate() }
        var pieces: [UnsafeBufferPointer<Float>] = []
        var offset = 0
        for frame in frames {
            let piece = UnsafeMutableBufferPointer(rebasing: values[offset..<offset + frame.count])
            _ = piece.initialize(from: frame)
            pieces.append(UnsafeBufferPointer(piece))
            offset += frame.count
        }
        return try infer(slot, pieces, tag: tag)
    }

    private func infer(
        _ name: SlotName, _ frames: [UnsafeBufferPointer<Float>], tag: String
    ) throws(DeviceError) -> [Inference] {
        guard let slot = slots[name] else { throw DeviceError(.notReady, "slot \(name) has nothing to serve yet") }
        guard tag.utf8.count <= DeviceLimits.tagBytes else {
            throw DeviceError(.badFrame, "a tag has at most \(DeviceLimits.tagBytes) bytes")
        }
        return try slot.infer(frames, tag: tag)
    }

    /// The local application stands between two lots: a release that waits for this becomes active.
    public func lotBoundary(slot: SlotName = .main) { slots[slot]?.feed(.lotBoundary) }

    /// Where every slot stands.
    public var status: [SlotStatus] {
        orderedSlots.map { slot in
            let state = slot.machine.state
            return SlotStatus(
                slot: slot.name, phase: state.phase, failure: state.failure, detail: state.detail,
                target: state.target?.release, serving: slot.answering?.version,
                release: slot.answering?.release, image: slot.answering?.image.digest)
        }
    }

    /// Something can answer in at least one slot.
    public var isReady: Bool { slots.values.contains { $0.serving != nil } }

    /// Reports, samples and messages of the log that wait for the controller's acknowledgement.
    public var spooled: (reports: Int, samples: Int, log: Int) {
        (spooler.count(.report), spooler.count(.sample), spooler.count(.log))
    }
}

/// Where one slot stands.
public struct SlotStatus: Hashable, Sendable {
    public var slot: SlotName
    public var phase: InstallPhase
    public var failure: InstallFailure?
    public var detail: String
    /// The release that the phase speaks of.
    public var target: Digest?
    /// What answers now.
    public var serving: VersionID?
    public var release: Digest?
    public var image: Digest?
}
