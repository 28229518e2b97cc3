/// What can go wrong in a device's shell: a stable code, and for people what happened, where, and what to do.
public struct DeviceError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Stable codes: scripts and tests may compare them.
    public enum Code: String, Sendable, CaseIterable {
        /// A configuration or identity file is missing or wrong.
        case invalidConfiguration = "device.invalidConfiguration"
        /// SQLite failed: disk full, damaged file, no permission.
        case storeFailed = "device.storeFailed"
        /// SQLite finds its file damaged.
        case storeDamaged = "device.storeDamaged"
        /// Not enough memory for a model.
        case noMemory = "device.noMemory"
        /// A file could not be read or written.
        case fileFailed = "device.fileFailed"
        /// Not enough free space on disk.
        case noSpace = "device.noSpace"
        /// The bytes are not what their digest says, or do not decode.
        case wrongContent = "device.wrongContent"
        /// No model serves in this slot (yet).
        case notReady = "device.notReady"
        /// The slot or model does not exist here.
        case unknownModel = "device.unknownModel"
        /// A frame of another size or type than the model takes.
        case badFrame = "device.badFrame"
        /// The model gave something that is not a number.
        case inferenceFailed = "device.inferenceFailed"
        /// A key could not sign, or random bytes could not be had.
        case cryptoFailed = "device.cryptoFailed"
        /// The controller refused a claim, or its answer proves nothing. Asking again does not help.
        case enrolmentRefused = "device.enrolmentRefused"
        /// The controller could not be reached, or not now.
        case enrolmentFailed = "device.enrolmentFailed"
        /// The operating system refused a socket.
        case socketFailed = "device.socketFailed"
    }

    public let code: Code
    public let context: String

    public init(_ code: Code, _ context: String) {
        self.code = code
        self.context = context
    }

    public var description: String { "\(code.rawValue): \(context)" }
}
