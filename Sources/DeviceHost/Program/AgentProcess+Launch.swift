import DeviceCore
import FleetModel
import Glibc

/// What a start of the installed program does first.
extension AgentProcess {
    /// Goes over to the program that the device's record names. Returns if this one is to run: nothing was recorded, or
    /// what was recorded cannot be started, or its start cannot be counted: uncounted, a program that ends would be started
    /// for ever. Only on a read-only disk, where nothing ever changes, a committed program starts uncounted.
    ///
    /// - Parameter log: told what is left, and why.
    public static func choose(_ options: AgentOptions, log: (String) -> Void) -> AgentProcess {
        if let launched { return launched }
        let own = AgentProcess(launcher: ownPath, running: nil)
        // A configuration that cannot be read is for the agent to complain of.
        guard var file = try? KeyValueFile(path: AgentPaths.config(options)) else { return own }
        let folder = AgentPaths(options, file: &file).data
        let confirm = file.integer("agent_confirm_seconds", in: DeviceLimits.agentConfirmRange)
        let stored = AgentRecordFile(folder: folder, files: SystemFiles())
        let seconds = confirm ?? Int(DeviceLimits().agentConfirm.milliseconds / 1000)
        own.launch(stored, images: ImageFolder(reading: folder, files: SystemFiles()), seconds: seconds, log: log)
        return own
    }

    private func launch(_ file: AgentRecordFile, images: ImageFolder, seconds: Int, log: (String) -> Void) {
        let before = file.load()
        var record = before
        while case .program(let program, let isTrial) = record.start(at: Self.uptime) {
            guard images.matches(program) else {
                log("the program \(program.short) is damaged or gone: starting the one before")
                record.leave(because: nil)
                continue
            }
            do throws(DeviceError) { try file.store(record) } catch {
                log("cannot count the start of \(program.short): \(error)")
                if isTrial || !file.isOnReadOnlyDisk { return }
            }
            let reason = go(to: program, at: images.path(of: program), seconds: isTrial ? seconds : nil)
            log("\(program.short) cannot be started: \(reason)")
            record.leave(because: "the new agent cannot be started: \(reason)")
        }
        if record != before { try? file.store(record) }
    }

    /// - Parameter seconds: a program on trial is ended if it has not confirmed itself after this and a quarter more.
    /// - Returns: why it cannot be started.
    private func go(to program: Digest, at path: String, seconds: Int?) -> String {
        setenv(Variable.launcher, launcher, 1)
        setenv(Variable.program, program.hex, 1)
        // An alarm outlives the change of programs: it ends one that hangs before it does anything at all.
        if let seconds { alarm(UInt32(clamping: seconds + seconds / 4 + 2)) }
        let reason = Self.replace(by: path)
        alarm(0)
        unsetenv(Variable.launcher)
        unsetenv(Variable.program)
        return reason
    }

    /// Seconds since the machine's boot.
    private static var uptime: Int {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Int(time.tv_sec)
    }
}
