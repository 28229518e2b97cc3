/// The command line of `martlet-agent`.
public struct AgentOptions: Equatable, Sendable {
    /// What the process is to do.
    public enum Task: Equatable, Sendable {
        case run
        /// Read and check the configuration, and end.
        case check
        /// Look at everything that the agent needs, and say what to do.
        case doctor
        /// Print the last inferences.
        case journal
        /// Get an identity for a claim, and end.
        case enrol
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
    /// JSON instead of text, for `doctor` and `journal`.
    public var isJSON = false
    /// Entries that `journal` prints.
    public var last = 20
    /// `journal` prints the inferences of this frame alone: SHA-256 of its values.
    public var input: String?
    /// For `enrol`: the claim's text, a controller's address in place of the claim's, the device's id, and the URI of a
    /// key that a token holds.
    public var claim: String?
    public var url: String?
    public var id: String?
    public var key: String?

    /// What `--help` prints.
    public static let usage = """
        usage: martlet-agent [run] [options]
               martlet-agent enrol --claim CLAIM [--url URL] [--id ID] [--key URI]
                                   [--identity FOLDER] [--config FILE]
               martlet-agent doctor [--json] [options]
               martlet-agent journal [--last N] [--input SHA256] [--json] [options]
          run                serve this device's models and follow its controller (the default)
          enrol              make keys, and get a certificate for a claim of `martlet device claim`
          doctor             check disk, clock, keys, broker, database and configuration; exit status 0: all is well,
                             1: something must be done, 2: something may become a problem
          journal            which release judged which input: the last inferences, newest first
          --config FILE      agent.conf, or an identity's device.conf (default: /etc/martlet/agent.conf)
          --identity FOLDER  the identity that `martlet device provision` wrote
          --data FOLDER      where the device keeps its state
          --socket PATH      serve the local API on this Unix socket
          --port PORT        serve the local API on 127.0.0.1:PORT
          --last N           entries to print, 1...100000 (default 20)
          --input SHA256     only the inferences of this frame: 64 hexadecimal characters
          --json             print JSON
          --claim CLAIM      the claim's text, or - to read it from standard input
          --url URL          the controller's address, if not the claim's
          --id ID            the device's id, if the claim names none (default: the host name)
          --key URI          the key of TLS in a token, such as pkcs11:token=fleet;object=tls (default: make one, in a file)
          --check            check the configuration and end
          --version, --help
        SIGTERM and SIGINT drain and end the agent. SIGHUP reads the configuration again: limits, time zone and log take
        effect at once, everything else at the next start.
        """

    /// Reads the arguments after the program's name.
    public init(_ arguments: [String]) throws(DeviceError) {
        var rest = arguments[...]
        switch rest.first {
        case "run": rest.removeFirst()
        case "doctor": (task, rest) = (.doctor, rest.dropFirst())
        case "journal": (task, rest) = (.journal, rest.dropFirst())
        case "enrol": (task, rest) = (.enrol, rest.dropFirst())
        default: break
        }
        while let argument = rest.popFirst() {
            switch argument {
            case "--help", "-h": task = .help
            case "--version": task = .version
            case "--check": task = .check
            case "--config": config = try Self.value(of: argument, &rest)
            case "--identity": identity = try Self.value(of: argument, &rest)
            case "--data": data = try Self.value(of: argument, &rest)
            case "--socket": socket = try Self.value(of: argument, &rest)
            case "--claim": claim = try Self.value(of: argument, &rest)
            case "--url": url = try Self.value(of: argument, &rest)
            case "--id": id = try Self.value(of: argument, &rest)
            case "--key": key = try Self.value(of: argument, &rest)
            case "--port": port = try Self.value(of: argument, &rest)
            case "--json": isJSON = true
            case "--last": last = try Self.number(of: argument, in: 1...100_000, &rest)
            case "--input": input = try Self.value(of: argument, &rest)
            default: throw DeviceError(.invalidConfiguration, "unknown option \(argument); see martlet-agent --help")
            }
        }
        guard task != .enrol || claim != nil else {
            throw DeviceError(.invalidConfiguration, "enrol needs --claim; see martlet-agent --help")
        }
        guard task == .enrol || (claim == nil && url == nil && id == nil && key == nil) else {
            throw DeviceError(
                .invalidConfiguration, "--claim, --url, --id and --key belong to enrol; see martlet-agent --help")
        }
    }

    private static func value(of option: String, _ rest: inout ArraySlice<String>) throws(DeviceError) -> String {
        guard let value = rest.popFirst(), !value.hasPrefix("--") else {
            throw DeviceError(.invalidConfiguration, "\(option) needs a value; see martlet-agent --help")
        }
        return value
    }

    private static func number(
        of option: String, in range: ClosedRange<Int>, _ rest: inout ArraySlice<String>
    ) throws(DeviceError) -> Int {
        let text = try value(of: option, &rest)
        guard let number = Int(text), range.contains(number) else {
            throw DeviceError(
                .invalidConfiguration,
                "\(option): '\(text)' is not a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
