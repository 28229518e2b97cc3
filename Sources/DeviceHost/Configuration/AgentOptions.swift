/// The command line of `martlet-agent`.
public struct AgentOptions: Equatable, Sendable {
    /// What the process is to do.
    public enum Task: Equatable, Sendable {
        case run
        /// Read and check the configuration, and end.
        case check
        case help
        case version
    }

    public var task = Task.run
    public var config: String?
    /// Each overrides the key of the same name in the file.
    public var identity: String?
    public var data: String?
    public var socket: String?
    public var port: String?

    /// What `--help` prints.
    public static let usage = """
        usage: martlet-agent [options]
          --config FILE      agent.conf, or an identity's device.conf (default: /etc/martlet/agent.conf)
          --identity FOLDER  the identity that `martlet device provision` wrote
          --data FOLDER      where the device keeps its state
          --socket PATH      serve the local API on this Unix socket
          --port PORT        serve the local API on 127.0.0.1:PORT
          --check            check the configuration and end
          --version, --help
        """

    /// Reads the arguments after the program's name.
    public init(_ arguments: [String]) throws(DeviceError) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--help", "-h": task = .help
            case "--version": task = .version
            case "--check": task = .check
            case "--config": config = try Self.value(of: argument, &rest)
            case "--identity": identity = try Self.value(of: argument, &rest)
            case "--data": data = try Self.value(of: argument, &rest)
            case "--socket": socket = try Self.value(of: argument, &rest)
            case "--port": port = try Self.value(of: argument, &rest)
            default: throw DeviceError(.invalidConfiguration, "unknown option \(argument); see martlet-agent --help")
            }
        }
    }

    private static func value(of option: String, _ rest: inout ArraySlice<String>) throws(DeviceError) -> String {
        guard let value = rest.popFirst(), !value.hasPrefix("--") else {
            throw DeviceError(.invalidConfiguration, "\(option) needs a value; see martlet-agent --help")
        }
        return value
    }
}
