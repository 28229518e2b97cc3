/// Messages of one class, and their bytes.
public struct SpoolShare: Hashable, Sendable {
    public var count = 0
    public var bytes = 0

    public init(count: Int = 0, bytes: Int = 0) {
        self.count = count
        self.bytes = bytes
    }
}

/// What room is needed for.
public enum SpoolNeed: Hashable, Sendable {
    /// How long a report becomes is not known before it is closed: it counts as the mean of those that wait.
    case report
    case sample(bytes: Int)
    case log(bytes: Int)
}

/// What waits, class by class, beside the quotas: who has room, and how much of the log is in the way.
///
/// The log is worth least. So its quota is also the reserve of the other classes: what reports and samples need beyond
/// their own quotas they take from the log's, and the log gives up that much, before anything of theirs is merged or
/// given up. A device that may keep no log has no such reserve.
public struct SpoolRoom: Hashable, Sendable {
    public var limits: SpoolLimits
    public var shares = PerStream(repeating: SpoolShare())

    public init(limits: SpoolLimits) { self.limits = limits }

    /// Whether a message may be kept as things are.
    public func has(roomFor need: SpoolNeed) -> Bool {
        if case .sample = need, shares.sample.count >= limits.samples { return false }
        let bytes = reserveNeeded(for: need)
        return bytes == 0 || bytes <= reserve - shares.log.bytes
    }

    /// Bytes of the log that must go so that a message may be kept; nil if it could not be kept without a log either.
    public func logInTheWay(of need: SpoolNeed) -> Int? {
        if case .sample = need, shares.sample.count >= limits.samples { return nil }
        let bytes = reserveNeeded(for: need)
        guard bytes > 0 else { return 0 }
        return bytes <= reserve ? max(0, bytes - (reserve - shares.log.bytes)) : nil
    }

    /// Bytes of the log past what may be kept of it.
    public var logBeyond: Int { max(0, shares.log.bytes - max(0, reserve)) }

    // MARK: The reserve

    /// The log's quota without what the others have taken of it.
    private var reserve: Int { limits.logBytes - reportsBeyond - max(0, shares.sample.bytes - limits.sampleBytes) }

    private var reportsBeyond: Int { max(0, shares.report.count - limits.reports) * meanReport }

    private var meanReport: Int { max(1, shares.report.bytes / max(1, shares.report.count)) }

    /// What a message takes from the reserve; 0 if its class's own quota holds it.
    private func reserveNeeded(for need: SpoolNeed) -> Int {
        switch need {
        case .report: shares.report.count < limits.reports ? 0 : meanReport
        case .sample(let bytes): max(0, bytes - max(0, limits.sampleBytes - shares.sample.bytes))
        case .log(let bytes): bytes
        }
    }
}
