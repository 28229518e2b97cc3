import DeviceCore
import EdgeRuntime
import FleetModel
import ModelImage

/// A release that can infer: its mapped image with what the manifest says about input and output. Replaced whole, so no
/// inference ever mixes two releases.
final class LoadedRelease {
    let held: HeldRelease
    let part: ReleasePart
    private var model: Model
    /// Keeps the image's bytes where the model reads them, if no file is mapped.
    private let memory: ImageMemory?
    /// The normalised frame and the scores of the inference at hand.
    private let input: UnsafeMutableBufferPointer<Float>
    private let output: UnsafeMutableBufferPointer<Float>
    /// `(value - offset) / scale` as one multiplication and one addition per value.
    private let factor: [Float]
    private let shift: [Float]

    /// Loads the image and checks that it fits the manifest.
    init(held: HeldRelease, part: ReleasePart, image: ImageSource) throws(DeviceError) {
        self.held = held
        self.part = part
        let model: Model
        do throws(RuntimeError) {
            switch image {
            case .file(let path):
                model = try Model(mapping: path)
                memory = nil
            case .memory(let bytes):
                model = try Model(bytes: bytes.bytes)
                memory = bytes
            }
        } catch {
            if case .noMemory = error { throw DeviceError(.noMemory, "\(error)") }
            throw DeviceError(.wrongContent, "image \(part.image.digest.short): \(error)")
        }
        guard model.arenaBytes <= part.image.arenaBytes else {
            throw DeviceError(
                .wrongContent, "the image needs an arena of \(model.arenaBytes) bytes, not \(part.image.arenaBytes)")
        }
        let sizes = (model.inputs.map(\.elementCount), model.outputs.map(\.elementCount))
        guard sizes == ([part.input.valueCount], [part.classes.count]) else {
            throw DeviceError(
                .wrongContent,
                "the image takes \(sizes.0) and gives \(sizes.1) values, the manifest says "
                    + "\(part.input.valueCount) and \(part.classes.count)")
        }
        self.model = model
        factor = part.normalisation.scale.map { 1 / $0 }
        shift = zip(part.normalisation.offset, part.normalisation.scale).map { -$0 / $1 }
        input = .allocate(capacity: part.input.valueCount)
        input.initialize(repeating: 0)
        output = .allocate(capacity: part.classes.count)
        output.initialize(repeating: 0)
    }

    deinit {
        input.deallocate()
        output.deallocate()
    }

    var instructionSet: String { model.instructionSet.name }

    /// Infers from raw values, row by row. The scores stay until the next call.
    func infer(_ frame: UnsafeBufferPointer<Float>) throws(DeviceError) -> UnsafeBufferPointer<Float> {
        guard frame.count == input.count else {
            throw DeviceError(.badFrame, "a frame of \(frame.count) values, the model takes \(input.count)")
        }
        normalise(frame)
        do throws(RuntimeError) {
            try model.run(UnsafeBufferPointer(input), into: output)
        } catch {
            throw DeviceError(.inferenceFailed, "\(error)")
        }
        return UnsafeBufferPointer(output)
    }

    private func normalise(_ frame: UnsafeBufferPointer<Float>) {
        let channels = part.input.kind == .image ? 1 : part.input.width
        var channel = 0
        for index in frame.indices {
            input[index] = frame[index] * factor[channel] + shift[channel]
            channel += 1
            if channel == channels { channel = 0 }
        }
    }

    /// Runs the golden inputs.
    ///
    /// - Parameter clock: microseconds of a clock that only runs forward.
    func prove(clock: () -> Int) throws(DeviceError) -> GoldenResult {
        var maximum: Float = 0
        for (frame, expected) in zip(part.golden.inputs, part.golden.outputs) {
            let scores = try frame.inferring(self)
            for (score, wanted) in zip(scores, expected) {
                let difference = abs(score - wanted)
                // What is not a number must not hide behind a comparison.
                maximum = difference.isNaN || maximum.isNaN ? .nan : max(maximum, difference)
            }
        }
        var times: [Int] = []
        while times.count < DeviceLimits.proofRuns {
            for frame in part.golden.inputs {
                let start = clock()
                _ = try frame.inferring(self)
                times.append(clock() - start)
            }
        }
        return GoldenResult(maximumError: maximum, latency: times.sorted()[times.count / 2])
    }
}

extension [Float] {
    /// Infers from these values; the scores stay until the next inference.
    fileprivate func inferring(_ release: LoadedRelease) throws(DeviceError) -> UnsafeBufferPointer<Float> {
        var failure: DeviceError?
        let scores = withUnsafeBufferPointer { frame -> UnsafeBufferPointer<Float>? in
            do throws(DeviceError) { return try release.infer(frame) } catch {
                failure = error
                return nil
            }
        }
        if let failure { throw failure }
        return scores ?? UnsafeBufferPointer(start: nil, count: 0)
    }
}
