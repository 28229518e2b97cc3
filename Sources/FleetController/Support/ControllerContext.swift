import FleetModel
import FleetStore
import GRDB
import Logging

/// What every service needs: state, configuration, clock, log and the way to tell what changed.
struct ControllerContext: Sendable {
    let configuration: ControllerConfiguration
    let store: FleetStore
    let blobs: BlobStore
    let events: EventHub
    let logger: Logger
    /// The wall clock; tests pass their own.
    let now: @Sendable () -> Instant
    /// Bugs that a simulation plants. Empty anywhere else.
    var bugs: PlantedBugs = []
    /// The database is used on the caller's thread: in a simulation, where nothing else could run meanwhile and every
    /// change of threads costs more than the transaction.
    var isStepped = false

    /// Reads in one snapshot.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        if isStepped { return try store.readHere(body) }
        return try await store.database.read(body)
    }

    private func writeDatabase<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws -> Value {
        if isStepped { return try store.writeHere(body) }
        return try await store.database.write(body)
    }

    /// Writes in one transaction, then tells what changed. For what is no person's command: messages, timers.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database, inout [ChangeEvent]) throws -> Value
    ) async throws -> Value {
        let (value, changes) = try await writeDatabase { database in
            var changes: [ChangeEvent] = []
            let value = try body(database, &changes)
            return (value, changes)
        }
        for change in changes { events.publish(change) }
        return value
    }

    /// Says that a service's loop failed and will try again; being stopped is no failure.
    func logFailure(of service: String, _ error: any Error) {
        guard !(error is CancellationError) else { return }
        logger.error("\(service) failed", metadata: ["error": "\(error)"])
    }

    /// Carries a command out: checks the role, then changes the state and writes the audit entry in one transaction,
    /// then tells what changed.
    func perform<Value: Sendable>(
        _ command: Command, _ body: @escaping @Sendable (Database, inout CommandScope) throws -> Value
    ) async throws -> Value {
        try command.caller.require(command.role, for: command.name)
        let now = now()
        let (value, changes) = try await writeDatabase { database in
            var scope = CommandScope(subject: command.subject, now: now)
            let value = try body(database, &scope)
            let entry = try AuditChain.append(
                to: database, at: now, caller: command.caller, command: command.name, subject: scope.subject,
                detail: scope.detail, reason: command.reason)
            return (value, scope.changes + [ChangeEvent(.audit, entry.number)])
        }
        for change in changes { events.publish(change) }
        return value
    }
}

/// A command that is to be carried out and audited.
struct Command: Sendable {
    /// Such as `rollouts.start`.
    var name: String
    var caller: Identity
    /// The least role that may give it.
    var role: Role
    var subject: String
    var reason = ""

    init(_ name: String, by caller: Identity, role: Role, subject: some CustomStringConvertible, reason: String = "") {
        self.name = name
        self.caller = caller
        self.role = role
        self.subject = subject.description
        self.reason = String(reason.prefix(ControllerLimits.noteCharacters))
    }
}

/// What a command's body may add to the audit entry and to the events.
struct CommandScope {
    /// What the audit entry is about; a body that makes something sets its new name here.
    var subject: String
    /// The time of the command: one reading of the clock for everything in the transaction.
    let now: Instant
    /// Facts for the audit entry.
    var detail: [String: String] = [:]
    var changes: [ChangeEvent] = []
}
