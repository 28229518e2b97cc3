import FleetCrypto
import FleetModel
import Glibc

/// Looks at everything that an agent needs, without disturbing one that runs: nothing is changed but a file that is
/// written and removed to see whether it can be.
public struct Doctor {
    private let options: AgentOptions
    var findings: [Finding] = []
    /// Before this a clock was certainly never set: the beginning of 2025.
    static let earliestTime = Instant(milliseconds: 1_735_689_600_000)
    /// Days before a certificate's end from which a renewal is overdue.
    static let renewalDays: Int64 = 21
    /// The longest wait for the broker.
    static let brokerMilliseconds: Int64 = 10_000

    public init(_ options: AgentOptions) { self.options = options }

    /// Makes every check that can be made: what rests on something broken is left out.
    public static func examine(_ options: AgentOptions) -> Diagnosis {
        var doctor = Doctor(options)
        doctor.examine()
        return Diagnosis(findings: doctor.findings)
    }

    private mutating func examine() {
        let paths: AgentPaths
        do throws(DeviceError) { paths = try AgentPaths(options) } catch {
            return note(
                .problem("configuration", error.context, advice: "write the file, or name it with --config"))
        }
        var configuration: AgentConfiguration?
        do throws(DeviceError) {
            configuration = try AgentConfiguration(options)
            note(.ok("configuration", paths.config))
        } catch {
            let advice = "correct the file, or copy the identity anew; then `martlet-agent --check`"
            note(.problem("configuration", error.context, advice: advice))
        }
        let key = configuration?.device.tlsKey ?? KeyLocation("\(paths.identity)/key.pem")
        checkKeys(in: paths.identity, key)
        let clock = checkClock(floor: storedFloor(in: paths.data))
        let device = configuration?.device
        checkCertificates(in: paths.identity, key, device: device?.device, at: clock)
        let limits = device?.limits ?? DeviceLimits()
        checkDisk(paths.data, limits: limits)
        checkDatabase(in: paths.data)
        checkMemory(limits)
        if let device { checkBroker(device) }
    }

    mutating func note(_ finding: Finding) { findings.append(finding) }

    // MARK: Clock and memory

    /// The later of what the clock says and what signatures have proved.
    private mutating func checkClock(floor: Instant) -> Instant {
        let system = SystemTime().system
        let setIt = "set the clock: `timedatectl set-ntp true`, or a battery for the hardware clock"
        guard system >= floor else {
            let days = floor.since(system).milliseconds / Interval.days(1).milliseconds
            note(.problem("clock", "\(days) days behind what a signature has proved", advice: setIt))
            return floor
        }
        guard system >= Self.earliestTime else {
            note(.problem("clock", "was never set: it says a time before 2025", advice: setIt))
            return system
        }
        // systemd-timesyncd leaves this mark; other services do not.
        let isKnown = access("/run/systemd/timesync/synchronized", F_OK) == 0
        note(.ok("clock", isKnown ? "synchronised" : "set; whether it is synchronised is not known here"))
        return system
    }

    private mutating func checkMemory(_ limits: DeviceLimits) {
        guard let available = SystemMemory.availableBytes() else { return }
        let mebibytes = "\(available >> 20) MiB available, arena limit \(limits.arenaBytes >> 20) MiB"
        guard available > limits.arenaBytes else {
            let advice = "free memory, or lower arena_limit_mib"
            return note(.warning("memory", mebibytes, advice: advice))
        }
        note(.ok("memory", mebibytes))
    }
}
