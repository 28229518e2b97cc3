public import FleetModel

/// Which program runs as a device's agent, and how often it may still be started before it has shown that it works.
///
/// The installed program reads this at every start, counts the start, stores the record and goes over to the chosen
/// program. So whatever that one does, crash, hang or never answer, its starts run out, and the one before it is
/// started again: by a program that was never replaced. Pure: the shell stores it and starts what it says.
public struct AgentRecord: Hashable, Sendable {
    /// What a start runs; nil: the installed program.
    public internal(set) var chosen: Digest?
    /// What runs once `chosen` has been left; nil: the installed program.
    public internal(set) var fallback: Digest?
    /// `chosen` is on probation: it must be confirmed within a time, or it is ended.
    public internal(set) var isTrial = false
    /// Starts that `chosen` has left until it has shown that it works.
    public internal(set) var startsLeft = 0
    /// When `chosen` was started last, in seconds since the machine's boot; nil: not since it was chosen.
    public internal(set) var startedAt: Int?
    /// The last program that was left, and why.
    public internal(set) var failed: AgentFailure?

    /// The installed program, which needs no record.
    public init() {}

    /// Starts of a program on probation.
    public static let trialStarts = 3
    /// Starts of a committed program without a minute's life among them. More than the champion's crashes that lead to
    /// safe mode: a model that ends the process is not the agent's fault.
    public static let steadyStarts = 10

    // MARK: What the running agent decides

    /// A program is to be tried; `running` is what to go back to.
    public mutating func attempt(_ program: Digest, from running: Digest?) {
        self = AgentRecord(chosen: program, fallback: running, isTrial: true, startsLeft: Self.trialStarts)
    }

    /// A program is to run for good: it was committed, or is what the device goes back to.
    ///
    /// - Parameter previous: what to go back to if it cannot be started any more; nil: the installed one.
    public mutating func settle(on program: Digest?, previous: Digest?) {
        let place = program == nil || previous == program ? nil : previous
        let starts = program == nil ? 0 : Self.steadyStarts
        self = AgentRecord(chosen: program, fallback: place, startsLeft: starts, failed: failed)
    }

    /// The committed program has run for long enough. False if there is nothing to store.
    public mutating func confirm(_ running: Digest?) -> Bool {
        guard let running, running == chosen, !isTrial, startsLeft < Self.steadyStarts else { return false }
        startsLeft = Self.steadyStarts
        return true
    }

    // MARK: What a start decides

    /// What to run now. The start is counted: store the record before it happens.
    ///
    /// - Parameter uptime: seconds since the machine's boot.
    public mutating func start(at uptime: Int) -> AgentStart {
        while let program = chosen {
            if startsLeft > 0 {
                startsLeft -= 1
                startedAt = uptime
                return .program(program, isTrial: isTrial)
            }
            leave(because: exhausted(at: uptime))
        }
        return .installed
    }

    /// The chosen program is left for the one before it.
    ///
    /// - Parameter reason: what is held against it, at most `UpdateLimits.detailLength` characters; nil: nothing (its
    ///   file was damaged: it may come again).
    public mutating func leave(because reason: String?) {
        guard let program = chosen else { return }
        let failure = reason.map {
            AgentFailure(program: program, reason: String($0.prefix(UpdateLimits.detailLength)))
        }
        let place = fallback
        self = AgentRecord(
            chosen: place, startsLeft: place == nil ? 0 : Self.steadyStarts, failed: failure ?? failed)
    }

    private func exhausted(at uptime: Int) -> String {
        guard isTrial else { return "the agent ended \(Self.steadyStarts) times without a minute's life between" }
        let life = startedAt.map { $0 <= uptime ? ", the last time within \(uptime - $0) s" : "" } ?? ""
        return "the new agent ended \(Self.trialStarts) times before it was confirmed\(life)"
    }

    private init(
        chosen: Digest?, fallback: Digest? = nil, isTrial: Bool = false, startsLeft: Int, failed: AgentFailure? = nil
    ) {
        self.chosen = chosen
        self.fallback = fallback
        self.isTrial = isTrial
        self.startsLeft = startsLeft
        self.failed = failed
    }
}

/// What a start runs.
public enum AgentStart: Hashable, Sendable {
    /// The program that was installed with the system.
    case installed
    /// A program of a release. One on trial must be ended if it does not confirm itself in time.
    case program(Digest, isTrial: Bool)
}

/// A program that was left.
public struct AgentFailure: Hashable, Sendable {
    public var program: Digest
    /// For people.
    public var reason: String

    public init(program: Digest, reason: String) {
        self.program = program
        self.reason = reason
    }
}
