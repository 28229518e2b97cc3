public import FleetModel

/// How recorded data becomes frames, classes and devices: the `stream` section of a configuration file.
public struct StreamDescription: Sendable {
    /// Where the values lie.
    public enum Source: Sendable {
        /// A two-dimensional NumPy array with an index of recordings (CSV with first row, rows, label and tags).
        case recordings(array: String, index: RecordingIndex, scale: Float)
        /// A CSV file, plain or `.gz`: one row is one reading (timeseries) or one frame (table, image).
        case rows(path: String, columns: RowColumns, scale: Float)
    }

    /// Columns of the index file.
    public struct RecordingIndex: Sendable {
        public var path: String
        public var first: String
        public var rows: String
        public var label: String
        public var tags: [String]
    }

    /// Columns of a row file; a file without a header names them `c1`, `c2`, …
    public struct RowColumns: Sendable {
        public var hasHeader: Bool
        public var label: String
        /// Columns whose values become tags.
        public var tags: [String]
    }

    /// A class: the label in the data and the name that people see.
    public struct ClassName: Hashable, Sendable {
        public var label: String
        public var name: String
    }

    /// How rows without device columns are dealt out: consecutive blocks, so that time order stays.
    public struct Partition: Sendable {
        public var devices: Int
        public var prefix: String
        /// Consecutive blocks instead of every n-th frame.
        public var isConsecutive: Bool
    }

    public var name: String
    public var kind: FrameKind
    public var source: Source
    /// Readings in a frame (timeseries), 1 (table) or the height (image).
    public var length: Int
    /// Readings from one frame's start to the next.
    public var hop: Int
    /// Width of an image; channels otherwise.
    public var width: Int
    public var channels: [Channel]
    public var classes: [ClassName]
    /// Device id with `{tag}` in braces, unless a partition deals frames out.
    public var devicePattern: String
    public var partition: Partition?
    /// At most this many frames are read; 0 means all.
    public var frameLimit: Int

    /// The shape as a release carries it.
    public var frame: FrameDescription {
        FrameDescription(kind: kind, steps: kind == .table ? 1 : length, width: width, channels: channels)
    }
}

/// Bounds on data files.
public enum FrameSourceLimits {
    /// Largest data file, in bytes after decompression.
    public static let fileBytes = 512 << 20
    /// Most values in one frame.
    public static let frameValues = 1 << 20
    /// Most frames in one source.
    public static let frames = 10_000_000
}

/// Why data could not be read: what, where, what to do.
public struct FrameSourceError: Error, Sendable, CustomStringConvertible {
    public let file: String
    public let message: String

    public init(file: String, message: String) {
        self.file = file
        self.message = message
    }

    public var description: String { "\(file): \(message)" }
}

/// One model input cut from a stream, with what is known of it.
public struct RecordedFrame: Sendable {
    public var device: DeviceID
    /// Counts from 0 within the device, in recorded order.
    public var index: Int
    public var tags: [String: String]
    /// Index into the description's classes.
    public var classIndex: Int
    public var values: [Float]

    public init(device: DeviceID, index: Int, tags: [String: String], classIndex: Int, values: [Float]) {
        self.device = device
        self.index = index
        self.tags = tags
        self.classIndex = classIndex
        self.values = values
    }
}
