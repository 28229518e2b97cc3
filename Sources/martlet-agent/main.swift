/// A device's agent as a process. SIGTERM and SIGINT drain and end it.
import DeviceHost
import Glibc

/// One line on standard error, in one write.
@Sendable func log(_ text: String) {
    let line = Array("martlet-agent: \(text)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
}

func run(_ configuration: AgentConfiguration) throws(DeviceError) -> Never {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGINT)
    // Blocked before any thread starts, so that this thread alone takes them.
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let agent = try Agent(configuration, log: log)
    agent.start()
    var signal: Int32 = 0
    while sigwait(&signals, &signal) != 0 {}
    log("signal \(signal): draining")
    agent.stop {
        log("stopped")
        exit(EXIT_SUCCESS)
    }
    while true { pause() }
}

do throws(DeviceError) {
    var options = try AgentOptions(Array(CommandLine.arguments.dropFirst()))
    switch options.task {
    case .help: print(AgentOptions.usage)
    case .version: print("martlet-agent \(AgentVersion.current)")
    case .check:
        _ = try AgentConfiguration(options)
        print("the configuration is good")
    case .enrol:
        if options.claim == "-" { options.claim = readLine() ?? "" }
        let enroller = try AgentConfiguration.enroller(options)
        try enroller?.attempt()
        if let enroller { print("enrolled as \(enroller.device); the identity is in \(enroller.folder)") }
    case .run:
        try AgentConfiguration.enroller(options)?.insist(log: log)
        try run(try AgentConfiguration(options))
    }
} catch {
    log("\(error)")
    exit(EXIT_FAILURE)
}
