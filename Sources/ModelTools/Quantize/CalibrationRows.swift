/// What a model is calibrated and judged on: rows, and the class of each if it is known.
public struct CalibrationRows {
    /// Inputs as the model will see them, one per entry of the first axis.
    public let rows: NPYArray
    /// Index of each row's class; nil when the rows have none.
    public let labels: [Int]?

    /// Reads rows from a NumPy file, or from an exported dataset version when the name ends in `.tar`.
    ///
    /// - Parameter labels: A NumPy file of integers; nil takes the classes of the dataset version, if all frames have
    ///   one.
    /// - Throws: ``ModelToolsError`` for files that cannot be read, and for frames of different sizes.
    public init(path: String, labels: String?) throws(ModelToolsError) {
        let known: [Int]?
        if path.hasSuffix(".tar") {
            let frames = try DatasetArchive.frames(try ToolFile.read(path))
            rows = try Self.rows(of: frames, path: path)
            let classes = frames.compactMap(\.classIndex)
            known = classes.count == frames.count ? classes : nil
        } else {
            rows = try ToolFile.array(path)
            known = nil
        }
        guard let labels else {
            self.labels = known
            return
        }
        guard let integers = try ToolFile.array(labels).integers else {
            throw ModelToolsError(
                .tensor, "\(labels) holds no integers: save the index of each row's class as int64")
        }
        self.labels = integers
    }

    private static func rows(of frames: [ReplayFrame], path: String) throws(ModelToolsError) -> NPYArray {
        guard let first = frames.first, first.width > 0 else {
            throw ModelToolsError(.dataset, "\(path) has no frames")
        }
        guard frames.allSatisfy({ $0.values.count == first.values.count && $0.width == first.width }) else {
            throw ModelToolsError(.dataset, "the frames of \(path) have different sizes")
        }
        return NPYArray(
            frames.flatMap(\.values), shape: [frames.count, first.values.count / first.width, first.width])
    }
}
