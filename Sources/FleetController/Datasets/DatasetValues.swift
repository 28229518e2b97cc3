public import FleetModel
import FleetStore

/// A labelled frame from outside.
public struct ImportedFrame: Sendable {
    public var device: DeviceID
    public var tags: [String: String]
    public var className: String
    /// Raw values, row by row.
    public var values: [Float]

    public init(device: DeviceID, tags: [String: String] = [:], className: String, values: [Float]) {
        self.device = device
        self.tags = tags
        self.className = className
        self.values = values
    }
}

/// An item of a dataset version with its values.
public struct DatasetItem: Sendable {
    public var ordinal: Int
    public var device: DeviceID
    public var tags: [String: String]
    public var className: String
    public var values: [Float]
    /// For an annotated sample: the probability with which it was chosen; nil for an imported frame.
    public var probability: Double?
    /// For an annotated sample: its id.
    public var sample: Int64?
}

/// What an import did.
public struct ImportResult: Hashable, Sendable {
    public var added: Int
    /// Frames that were there already.
    public var known: Int
}
