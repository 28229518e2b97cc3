import DeviceCore
import FleetModel

/// What `martlet-agent` runs with: a `key = value` file (documented in `config/agent.conf`), overridden by the command
/// line. An identity's own `device.conf` serves as well: then everything else has its default, beside it.
public struct AgentConfiguration: Sendable {
    public var device: DeviceConfiguration
    /// Where the local API listens.
    public var listen: [LocalAddress]
    /// Log every phase and connection, not only problems.
    public var logsProgress: Bool

    /// Reads file and options; every mistake is told at once.
    public init(_ options: AgentOptions) throws(DeviceError) {
        var file = try KeyValueFile(path: AgentPaths.config(options))
        let paths = AgentPaths(options, file: &file)
        let settings = Self.settings(&file, options)
        if paths.isIdentity {
            device = try DeviceConfiguration(identity: paths.identity, file: &file, folder: paths.data)
        } else {
            try file.finish()
            device = try DeviceConfiguration(identity: paths.identity, folder: paths.data)
        }
        device.limits = settings.limits
        device.sealsSamples = settings.sealsSamples
        listen = settings.listen
        logsProgress = settings.logsProgress
    }

    /// Reads file and options as a start would, and the identity if there is one yet.
    ///
    /// - Returns: what to tell whoever asked.
    public static func check(_ options: AgentOptions) throws(DeviceError) -> String {
        guard let enroller = try enroller(options) else {
            _ = try AgentConfiguration(options)
            return "the configuration is good"
        }
        var file = try KeyValueFile(path: AgentPaths.config(options))
        _ = AgentPaths(options, file: &file)
        _ = settings(&file, options)
        try file.finish()
        return "the configuration is good; the first start enrols as \(enroller.device), into \(enroller.folder)"
    }

    private static func settings(
        _ file: inout KeyValueFile, _ options: AgentOptions
    ) -> (listen: [LocalAddress], limits: DeviceLimits, logsProgress: Bool, sealsSamples: Bool) {
        let listen = Self.listen(&file, options)
        // What `enroller` reads: a used claim may stay where it is.
        for key in ["claim", "enrol_id", "enrol_key"] { _ = file.text(key) }
        let limits = Self.limits(&file)
        let logsProgress = file.value("log", expected: "all or problems") { ["all": true, "problems": false][$0] }
        let sealsSamples = file.value("seal_samples", expected: "yes or no") { ["yes": true, "no": false][$0] }
        return (listen, limits, logsProgress ?? true, sealsSamples ?? false)
    }

    /// Who is to be asked for an identity before anything else: the command line's claim, or that of a configuration whose
    /// identity folder is not whole yet. Nil if there is nothing to ask for.
    public static func enroller(_ options: AgentOptions) throws(DeviceError) -> Enroller? {
        if let claim = options.claim, options.config == nil, let folder = options.identity {
            return try Enroller(claim: claim, folder: folder, url: options.url, id: options.id, key: options.key)
        }
        let path = options.config ?? defaultPath
        if options.config == nil, options.identity != nil { return nil }
        var file = try KeyValueFile(path: path)
        let folder = AgentPaths(options, file: &file).identity
        let fileClaim = file.text("claim")
        let fileID = file.text("enrol_id")
        let fileKey = file.text("enrol_key")
        guard let claim = options.claim ?? fileClaim else { return nil }
        if options.claim == nil, Enroller.isEnrolled(folder) { return nil }
        return try Enroller(
            claim: claim, folder: folder, url: options.url, id: options.id ?? fileID, key: options.key ?? fileKey)
    }

    private static func listen(_ file: inout KeyValueFile, _ options: AgentOptions) -> [LocalAddress] {
        var addresses: [LocalAddress] = []
        let fileSocket = file.text("socket")
        let socket = options.socket ?? fileSocket
        if let socket, !socket.isEmpty { addresses.append(.unix(path: socket)) }
        let filePort = file.integer("port", in: 0...65535)
        let port = options.port.flatMap(Int.init) ?? filePort
        if let port, (0...65535).contains(port) { addresses.append(.loopback(port: port)) }
        return addresses
    }
}
