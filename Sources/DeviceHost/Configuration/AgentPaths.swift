/// Where an agent's files lie.
struct AgentPaths {
    /// The configuration file.
    let config: String
    /// The identity's folder.
    let identity: String
    /// The folder of all state.
    let data: String
    /// The configuration file is an identity's own `device.conf`.
    let isIdentity: Bool

    /// The configuration file that options name.
    static func config(_ options: AgentOptions) -> String {
        options.config ?? options.identity.map { "\($0)/device.conf" } ?? AgentConfiguration.defaultPath
    }

    /// Reads what the configuration file says of paths, and nothing else.
    init(_ options: AgentOptions) throws(DeviceError) {
        var file = try KeyValueFile(path: Self.config(options))
        self.init(options, file: &file)
    }

    /// - Parameter file: the configuration, of which the keys of paths are used up.
    init(_ options: AgentOptions, file: inout KeyValueFile) {
        let path = file.name
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        config = path
        isIdentity = file.has("id")
        let fileIdentity = file.text("identity")
        let fileData = file.text("data")
        identity = options.identity ?? fileIdentity ?? (isIdentity ? folder : "/etc/martlet/device")
        data = options.data ?? fileData ?? (isIdentity ? "\(folder)/state" : "/var/lib/martlet-agent")
    }
}

extension AgentConfiguration {
    /// Where the file lies if nobody says otherwise.
    public static let defaultPath = "/etc/martlet/agent.conf"
}
