import FleetModel
import MQTTTransport
import Synchronization

/// A whole agent: one loop, one device, its local API, and what it tells the service manager. What `martlet-agent` runs.
public final class Agent: Sendable {
    private let options: AgentOptions
    private let loop: MQTTLoop
    private let host: DeviceHost
    private let process: AgentProcess
    private let servers: [LocalServer]
    private let manager: ServiceManager?
    private let log: AgentLog
    /// What is in force. Changed on the loop's thread alone.
    private let configuration: Mutex<AgentConfiguration>

    /// Reads the configuration, opens the device's folder and the local API's sockets.
    ///
    /// - Parameters:
    ///   - process: what an update of the agent replaces.
    ///   - manager: the service manager to tell, if there is one.
    ///   - write: takes one line of the log at a time, on any thread.
    public init(
        _ options: AgentOptions, process: AgentProcess,
        manager: ServiceManager? = .current, write: @escaping @Sendable (String) -> Void
    ) throws(DeviceError) {
        let configuration = try AgentConfiguration(options)
        let log = AgentLog(showsProgress: configuration.logsProgress, write: write)
        do throws(MQTTError) { loop = try MQTTLoop() } catch {
            throw DeviceError(.socketFailed, error.context)
        }
        var platform = DevicePlatform.system(loop: loop)
        platform.program = process
        let host = try DeviceHost(configuration: configuration.device, platform: platform) { log.note($0) }
        var servers: [LocalServer] = []
        for address in configuration.listen {
            servers.append(try LocalServer(host: host, loop: loop, address: address))
        }
        self.options = options
        self.process = process
        self.manager = manager
        self.log = log
        self.host = host
        self.servers = servers
        self.configuration = Mutex(configuration)
    }

    /// Starts the loop's thread, and everything on it. The service manager hears of it once the disk's release serves.
    public func start() {
        log.write("device \(host.configuration.device), boot \(host.boot)")
        for server in servers { log.write("local API on \(server.address)") }
        loop.start()
        host.start()
        loop.perform { [self] in
            manager?.tell(.ready, .status(statusLine))
            watch()
        }
    }

    /// Stores and sends what is left, and says goodbye.
    ///
    /// - Parameter completion: called on the loop's thread.
    public func stop(completion: @escaping @Sendable () -> Void) {
        // To the manager a service that goes over to another program never stops.
        if process.isGoingOver {
            manager?.tell(.status("going over to another program"))
        } else {
            manager?.tell(.stopping)
        }
        for server in servers { server.stop() }
        host.stop(completion: completion)
    }

    // MARK: Watchdog

    /// Tells the watchdog, from the loop's own thread: a loop that hangs falls silent.
    private func watch() {
        guard let manager else { return }
        let pause = max(1, min(manager.watchdogMilliseconds.map { $0 / 2 } ?? .max, Self.statusMilliseconds))
        loop.schedule(after: pause) { [self] in
            if manager.watchdogMilliseconds == nil {
                manager.tell(.status(statusLine))
            } else {
                manager.tell(.watchdog, .status(statusLine))
            }
            watch()
        }
    }

    /// Between two status lines at most: what people read there is no older.
    private static let statusMilliseconds: Int64 = 5000

    private var statusLine: String {
        let slots = host.status.map { slot in
            "\(slot.slot): \(slot.serving.map { "\($0)" } ?? "nothing") (\(slot.phase.rawValue))"
        }
        let serving = slots.isEmpty ? "no slots yet" : slots.joined(separator: ", ")
        let waiting = host.spooled
        return "\(host.isConnected ? "connected" : "offline"); \(serving); "
            + "\(waiting.reports) reports, \(waiting.samples) samples and \(waiting.log) messages of the log wait"
    }

    // MARK: Reloading

    /// Reads the configuration again and takes up what can change while it runs: limits, time zone and log. A file with
    /// a mistake changes nothing.
    public func reload() {
        loop.perform { [self] in
            manager?.tell(.reloading(monotonicMicroseconds: SystemTime().monotonicMicroseconds))
            do throws(DeviceError) {
                let new = try AgentConfiguration(options)
                let old = configuration.withLock { $0 }
                for key in old.keysThatNeedRestart(comparedWith: new) {
                    log.write("\(key) changed: that needs a restart")
                }
                host.adopt(new.device.limits)
                log.show(progress: new.logsProgress)
                configuration.withLock { $0.adopt(from: new) }
                log.write("configuration reloaded")
            } catch {
                log.write("the configuration stays as it was: \(error)")
            }
            manager?.tell(.ready, .status(statusLine))
        }
    }
}

/// The agent's log: what is written, and whether progress is.
private final class AgentLog: Sendable {
    let write: @Sendable (String) -> Void
    private let showsProgress: Mutex<Bool>

    init(showsProgress: Bool, write: @escaping @Sendable (String) -> Void) {
        self.write = write
        self.showsProgress = Mutex(showsProgress)
    }

    func show(progress: Bool) { showsProgress.withLock { $0 = progress } }

    func note(_ notice: DeviceNotice) {
        if case .problem = notice {} else if !showsProgress.withLock({ $0 }) { return }
        write("\(notice)")
    }
}
