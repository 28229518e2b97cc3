/// Why two sketches cannot be brought together.
public enum SketchError: Error, Hashable, Sendable {
    /// Histograms over different bins: they speak of different releases, so merge only reports of one release.
    case binsDiffer(expected: Int, found: Int)

    /// Stable name for logs and answers.
    public var code: StaticString {
        switch self {
        case .binsDiffer: "binsDiffer"
        }
    }
}
