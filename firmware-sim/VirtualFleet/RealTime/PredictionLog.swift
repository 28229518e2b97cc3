import Foundation

/// What a device answered for which frame, written outside the device so that a judge can join it to the truth.
///
/// One line per inference: `device,frame,version,class,at` (`at` in milliseconds since 1970).
public final class PredictionLog {
    /// One line of the log.
    public struct Entry: Hashable, Sendable {
        public var device: String
        /// Index of the frame within the device's recordings.
        public var frame: Int
        public var version: Int
        public var classIndex: Int

        public init(device: String, frame: Int, version: Int, classIndex: Int) {
            self.device = device
            self.frame = frame
            self.version = version
            self.classIndex = classIndex
        }
    }

    private let handle: FileHandle
    private var buffer: [UInt8] = []
    /// Bytes gathered before a write: about a second of a fast stream, so that a judge need not wait.
    private static let bufferBytes = 512

    public init(path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let handle = FileHandle(forWritingAtPath: path)
        else { throw SimulationError.cannotWrite(path) }
        self.handle = handle
    }

    public func append(_ entry: Entry, atMilliseconds now: Int64) throws {
        buffer += Array("\(entry.device),\(entry.frame),\(entry.version),\(entry.classIndex),\(now)\n".utf8)
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    public func flush() throws {
        try handle.write(contentsOf: buffer)
        buffer.removeAll(keepingCapacity: true)
    }

    /// Reads a log from an offset on and moves the offset behind the last whole line.
    public static func entries(at path: String, from offset: inout UInt64) throws -> [Entry] {
        guard let handle = FileHandle(forReadingAtPath: path) else { return [] }
        defer { try? handle.close() }
        try handle.seek(toOffset: offset)
        let data = try handle.readToEnd() ?? Data()
        guard let end = data.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
        let lines = data[...end]
        offset += UInt64(lines.count)
        return String(decoding: lines, as: UTF8.self).split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ",")
            guard fields.count == 5, let frame = Int(fields[1]), let version = Int(fields[2]),
                let classIndex = Int(fields[3])
            else { return nil }
            return Entry(device: String(fields[0]), frame: frame, version: version, classIndex: classIndex)
        }
    }
}

/// Why a simulation could not go on.
public enum SimulationError: Error, Sendable, CustomStringConvertible {
    case cannotWrite(String)
    case noFrames(device: String)
    case noIdentity(folder: String)
    case noBroker(String)
    case noReference(String)
    case referenceFailed(String)

    public var description: String {
        switch self {
        case .cannotWrite(let path): "\(path) cannot be written: check the folder and its free space"
        case .noFrames(let device):
            "the stream has no frame of device \(device): check its id against the device pattern"
        case .noIdentity(let folder): "\(folder) holds no device identity: make one with `martlet device provision`"
        case .noBroker(let what): "the broker cannot be used: \(what)"
        case .noReference(let path): "\(path) is missing: build all of the package's products"
        case .referenceFailed(let arguments): "martlet-pull-reference \(arguments) failed"
        }
    }
}
