/// A device's agent as a process. SIGTERM and SIGINT drain and end it, SIGHUP reads its configuration again.
import DeviceHost
import Glibc

/// One line on standard error, in one write.
@Sendable func log(_ text: String) {
    let line = Array("martlet-agent: \(text)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
}

func run(_ options: AgentOptions, as process: AgentProcess) throws(DeviceError) -> Never {
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, signal) }
    // Blocked before any thread starts, so that this thread alone takes them.
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let agent = try Agent(options, process: process, write: log)
    agent.start()
    var signal: Int32 = 0
    while true {
        guard sigwait(&signals, &signal) == 0 else { continue }
        guard signal == SIGHUP else { break }
        agent.reload()
    }
    log("signal \(signal): draining")
    agent.stop {
        process.relaunchIfWanted()
        log("stopped")
        exit(EXIT_SUCCESS)
    }
    while true { pause() }
}

func examine(_ options: AgentOptions) -> Never {
    let diagnosis = Doctor.examine(options)
    print(options.isJSON ? diagnosis.json : diagnosis.text)
    exit(diagnosis.verdict.exitStatus)
}

// A peer that goes away while it is written to is an error of that connection.
signal(SIGPIPE, SIG_IGN)

do throws(DeviceError) {
    var options = try AgentOptions(Array(CommandLine.arguments.dropFirst()))
    switch options.task {
    case .help: print(AgentOptions.usage)
    case .version: print("martlet-agent \(AgentVersion.current)")
    case .check: print(try AgentConfiguration.check(options))
    case .doctor: examine(options)
    case .journal: print(try JournalReport.read(options))
    case .enrol:
        if options.claim == "-" { options.claim = readLine() ?? "" }
        let enroller = try AgentConfiguration.enroller(options)
        try enroller?.attempt()
        if let enroller { print("enrolled as \(enroller.device); the identity is in \(enroller.folder)") }
    case .run:
        let process = AgentProcess.choose(options, log: log)
        try AgentConfiguration.enroller(options)?.insist(log: log, wait: ServiceManager.waitForEnrolment)
        try run(options, as: process)
    }
} catch {
    log("\(error)")
    exit(EXIT_FAILURE)
}
