public import FleetModel

/// The answer to one frame, with all that is needed to trace it.
public struct Inference: Sendable {
    /// Index of the top class.
    public var classIndex: Int
    public var className: String
    /// Output probabilities in class order.
    public var scores: [Float]
    /// Digest of the signed release that answered.
    public var release: Digest
    public var image: Digest
    public var version: VersionID
    /// Microseconds from the raw frame to the scores.
    public var latency: Int
}
