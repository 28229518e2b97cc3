import EdgeRuntime

/// A version as a device runs it: normalised frames in, a score for each class out.
public struct ReplayVersion: Sendable {
    /// Such as `shoulder:2`.
    public let name: String
    /// The version's ONNX file.
    public let onnx: [UInt8]
    /// The classes in the order of the scores.
    public var classes: [String]
    /// `(value − offset) / scale` for each channel; empty for none.
    public let offset: [Float]
    public let scale: [Float]
    /// True for frames whose values all belong to the one channel of an image.
    public let isImage: Bool

    /// Describes a version.
    public init(name: String, onnx: [UInt8], classes: [String], offset: [Float], scale: [Float], isImage: Bool) {
        self.name = name
        self.onnx = onnx
        self.classes = classes
        self.offset = offset
        self.scale = scale
        self.isImage = isImage
    }

    /// The scores of every frame.
    ///
    /// - Throws: ``ModelToolsError`` when the model does not compile, or takes or gives something else than one frame
    ///   and one score per class.
    public func scores(of frames: [ReplayFrame]) throws(ModelToolsError) -> [[Float]] {
        var loaded = try LoadedModel(ModelFile.onnx(onnx, path: name), path: name)
        var results: [[Float]] = []
        results.reserveCapacity(frames.count)
        for frame in frames {
            let scores: [Float]
            do throws(RuntimeError) {
                scores = try loaded.model.predict(normalised(frame))
            } catch {
                throw ModelToolsError(.tensor, "\(name) cannot score frame \(frame.name): \(error)")
            }
            guard scores.count == classes.count else {
                throw ModelToolsError(
                    .tensor, "\(name) gives \(scores.count) scores, but the dataset has \(classes.count) classes")
            }
            results.append(scores)
        }
        return results
    }

    private func normalised(_ frame: ReplayFrame) -> [Float] {
        guard !offset.isEmpty, offset.count == scale.count else { return frame.values }
        return frame.values.enumerated().map { index, value in
            let channel = isImage ? 0 : index % frame.width % offset.count
            return (value - offset[channel]) / scale[channel]
        }
    }
}
