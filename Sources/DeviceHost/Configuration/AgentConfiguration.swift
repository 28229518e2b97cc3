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

    /// Where the file lies if nobody says otherwise.
    public static let defaultPath = "/etc/martlet/agent.conf"

    /// Reads file and options; every mistake is told at once.
    public init(_ options: AgentOptions) throws(DeviceError) {
        let path = options.config ?? options.identity.map { "\($0)/device.conf" } ?? Self.defaultPath
        var file = try KeyValueFile(path: path)
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let isIdentity = file.has("id")
        let fileIdentity = file.text("identity")
        let fileData = file.text("data")
        let identity = options.identity ?? fileIdentity ?? (isIdentity ? folder : "/etc/martlet/device")
        let data = options.data ?? fileData ?? (isIdentity ? "\(folder)/state" : "/var/lib/martlet-agent")
        let listen = Self.listen(&file, options)
        // What `enroller` reads: a used claim may stay where it is.
        for key in ["claim", "enrol_id"] { _ = file.text(key) }
        let limits = Self.limits(&file)
        let logsProgress = file.value("log", expected: "all or problems") { ["all": true, "problems": false][$0] }
        if isIdentity {
            device = try DeviceConfiguration(identity: identity, file: &file, folder: data)
        } else {
            try file.finish()
            device = try DeviceConfiguration(identity: identity, folder: data)
        }
        device.limits = limits
        self.listen = listen
        self.logsProgress = logsProgress ?? true
    }

    /// Who is to be asked for an identity before anything else: the command line's claim, or that of a configuration whose
    /// identity folder is not whole yet. Nil if there is nothing to ask for.
    public static func enroller(_ options: AgentOptions) throws(DeviceError) -> Enroller? {
        if let claim = options.claim, options.config == nil, let folder = options.identity {
            return try Enroller(claim: claim, folder: folder, url: options.url, id: options.id)
        }
        let path = options.config ?? defaultPath
        if options.config == nil, options.identity != nil { return nil }
        var file = try KeyValueFile(path: path)
        let identity = file.text("identity")
        let folder = options.identity ?? identity ?? "/etc/martlet/device"
        let fileClaim = file.text("claim")
        let fileID = file.text("enrol_id")
        guard let claim = options.claim ?? fileClaim else { return nil }
        if options.claim == nil, Enroller.isEnrolled(folder) { return nil }
        return try Enroller(claim: claim, folder: folder, url: options.url, id: options.id ?? fileID)
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

    private static func limits(_ file: inout KeyValueFile) -> DeviceLimits {
        var limits = DeviceLimits()
        let mebibyte = 1 << 20
        func set(_ key: String, _ range: ClosedRange<Int>, _ apply: (Int) -> Void) {
            if let value = file.integer(key, in: range) { apply(value) }
        }
        set("arena_limit_mib", 1...4096) { limits.arenaBytes = $0 * mebibyte }
        set("image_limit_mib", 1...2048) { limits.imageBytes = $0 * mebibyte }
        set("disk_reserve_mib", 0...65536) { limits.diskReserve = $0 * mebibyte }
        set("spool_reports", 1...100_000) { limits.spool.reports = $0 }
        set("spool_samples_mib", 0...65536) { limits.spool.sampleBytes = $0 * mebibyte }
        set("probation_inferences", 1...1_000_000) { limits.update.probation.inferences = $0 }
        set("probation_seconds", 1...86_400) { limits.update.probation.duration = .seconds(Int64($0)) }
        set("start_spread_seconds", 0...3600) { limits.startSpread = .seconds(Int64($0)) }
        set("pull_bytes_per_second", 0...1_000_000_000) { limits.pull.bytesPerSecond = $0 }
        return limits
    }
}
