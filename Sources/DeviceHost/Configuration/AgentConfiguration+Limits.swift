import DeviceCore
import FleetModel

/// The bounds that a user may set.
extension AgentConfiguration {
    /// Inferences that the agent's journal keeps unless the configuration says otherwise.
    static let journalRecords = 10_000

    static func limits(_ file: inout KeyValueFile) -> DeviceLimits {
        var limits = DeviceLimits()
        limits.journalRecords = journalRecords
        let mebibyte = 1 << 20
        func set(_ key: String, _ range: ClosedRange<Int>, _ apply: (Int) -> Void) {
            if let value = file.integer(key, in: range) { apply(value) }
        }
        set("arena_limit_mib", 1...4096) { limits.arenaBytes = $0 * mebibyte }
        set("image_limit_mib", 1...2047) { limits.imageBytes = $0 * mebibyte }
        set("disk_reserve_mib", 0...65536) { limits.diskReserve = $0 * mebibyte }
        set("journal_records", 0...1_000_000) { limits.journalRecords = $0 }
        set("spool_reports", 1...100_000) { limits.spool.reports = $0 }
        set("spool_samples_mib", 0...65536) { limits.spool.sampleBytes = $0 * mebibyte }
        set("log_spool_kilobytes", 0...65536) { limits.spool.logBytes = $0 << 10 }
        set("catch_up_messages_per_second", 0...100_000) { limits.spool.catchUpPerSecond = $0 }
        set("probation_inferences", 1...1_000_000) { limits.update.probation.inferences = $0 }
        set("probation_seconds", 1...86_400) { limits.update.probation.duration = .seconds(Int64($0)) }
        set("probation_errors_percent", 0...100) { limits.update.probation.errorShare = Double($0) / 100 }
        set("quarantine_after", 1...100) { limits.update.strikes = $0 }
        set("quarantine_minutes", 1...10_080) { limits.update.quarantine = .minutes(Int64($0)) }
        set("quarantine_cap_hours", 1...8760) { limits.update.quarantineCap = .minutes(60 * Int64($0)) }
        set("crash_limit", 1...100) { limits.update.crashes = $0 }
        set("agent_confirm_seconds", DeviceLimits.agentConfirmRange) { limits.agentConfirm = .seconds(Int64($0)) }
        set("start_spread_seconds", 0...3600) { limits.startSpread = .seconds(Int64($0)) }
        set("pull_bytes_per_second", 0...1_000_000_000) { limits.pull.bytesPerSecond = $0 }
        let zone = "a time zone: a POSIX rule such as CET-1CEST,M3.5.0,M10.5.0/3, or a name below /usr/share/zoneinfo"
        if let zone = file.value("time_zone", expected: zone, parse: ZoneFile.zone) { limits.update.zone = zone }
        return limits
    }
}
