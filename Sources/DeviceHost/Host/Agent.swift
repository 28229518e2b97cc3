import MQTTTransport

/// A whole agent: one loop, one device, its local API. What `martlet-agent` runs.
public final class Agent: Sendable {
    private let loop: MQTTLoop
    private let host: DeviceHost
    private let servers: [LocalServer]
    private let log: @Sendable (String) -> Void

    /// Opens the device's folder and the local API's sockets.
    ///
    /// - Parameter log: takes one line at a time, on any thread.
    public init(
        _ configuration: AgentConfiguration, log: @escaping @Sendable (String) -> Void
    ) throws(DeviceError) {
        self.log = log
        do throws(MQTTError) { loop = try MQTTLoop() } catch {
            throw DeviceError(.socketFailed, error.context)
        }
        let logsProgress = configuration.logsProgress
        let host = try DeviceHost(configuration: configuration.device, loop: loop) { notice in
            if case .problem = notice {} else if !logsProgress { return }
            log("\(notice)")
        }
        var servers: [LocalServer] = []
        for address in configuration.listen {
            servers.append(try LocalServer(host: host, loop: loop, address: address))
        }
        self.host = host
        self.servers = servers
    }

    /// Starts the loop's thread, and everything on it.
    public func start() {
        loop.start()
        host.start()
        log("device \(host.configuration.device), boot \(host.boot)")
        for server in servers { log("local API on \(server.address)") }
    }

    /// Stores and sends what is left, and says goodbye.
    ///
    /// - Parameter completion: called on the loop's thread.
    public func stop(completion: @escaping @Sendable () -> Void) {
        for server in servers { server.stop() }
        host.stop(completion: completion)
    }
}
