import DeviceCore
import FleetModel
import FleetWire

/// The device's log on its way to the controller: what goes wrong here is read there, when there is a connection again.
extension DeviceHost {
    /// Tells whoever runs the host, and keeps what people at the controller should read.
    func note(_ notice: DeviceNotice) {
        observer(notice)
        if let severity = notice.severity { gather(severity, "\(notice)") }
    }

    private func gather(_ severity: LogSeverity, _ text: String) {
        guard configuration.limits.spool.logBytes > 0 else { return }
        let due = logDue
        spooler.logLoss.lost(log.add(LogLine(time: now(), severity: severity, saying: text)))
        // Nothing is written here: what is noted may be that writing failed.
        if logDue != due { rearm() }
    }

    /// Lines that were given up are told by the next message: there shall be one after an outage, even if nothing else is
    /// said.
    func tellGap() {
        if spooler.logLoss.toTell > 0 { gather(.notice, "the log has a gap: older lines made room") }
    }

    /// When the lines that have gathered are to be closed into a message.
    var logDue: Instant? { isFrozen ? nil : log.dueAt(logInterval) }

    /// As long as reports gather, and by chance up to a quarter longer: a broker that ends cuts a whole fleet off at one
    /// instant, and what all have to say of it must not come at one instant too.
    private var logInterval: Interval {
        let interval = (desired?.policy ?? DevicePolicy()).reportInterval.milliseconds
        return Interval(milliseconds: interval + interval * Int64(spreadOfBoot) / 1024)
    }

    func closeLogIfDue(at now: Instant) {
        if let due = logDue, now >= due { closeLog(at: now) }
    }

    /// Turns the lines into a message, if there are any and the spool has room for it. Else they wait, and younger ones
    /// take their place.
    func closeLog(at now: Instant) {
        guard !log.lines.isEmpty else { return }
        do throws(DeviceError) {
            let isKept = try spooler.add(
                log: log.lines, bytes: log.bytes, at: now, flushAfter: configuration.limits.flushDelay)
            if isKept { return log.closed(at: now) }
            log.hold(until: now.advanced(by: Self.logRetry))
        } catch {
            log.hold(until: now.advanced(by: Self.logRetry))
            abandonLog(error)
        }
    }

    /// Between two attempts to keep a message for which there is no room.
    private static let logRetry = Interval.minutes(5)

    /// The log's quota may be another one.
    func trimLog() {
        do throws(DeviceError) {
            try spooler.trimLog(at: now(), flushAfter: configuration.limits.flushDelay)
        } catch {
            abandonLog(error)
        }
    }
}

extension DeviceNotice {
    /// How much a notice matters as a line of the log; nil for what says that all is well, and for what the controller
    /// is told otherwise.
    var severity: LogSeverity? {
        switch self {
        case .problem: .problem
        case .phase(_, _, _, let failure, _): failure == nil ? nil : .problem
        case .disconnected: .notice
        case .connected, .serving, .acknowledged, .gathered, .renewal: nil
        }
    }
}
