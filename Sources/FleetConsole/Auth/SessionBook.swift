import FleetController
import FleetCrypto
import FleetModel

/// The console's sessions as a value: at most ``ConsoleLimits/sessions``, each until it has idled too long. They live in
/// memory: a restart of the controller asks people to log in again, and no cookie outlives the process that gave it.
struct SessionBook: Sendable {
    private var sessions: [Digest: Session] = [:]

    var count: Int { sessions.count }

    /// Begins a session; the oldest makes room.
    mutating func begin(_ session: Session) {
        if sessions.count >= ConsoleLimits.sessions,
            let oldest = sessions.min(by: { $0.value.lastUsed < $1.value.lastUsed })?.key
        {
            sessions[oldest] = nil
        }
        sessions[Self.key(session.secret)] = session
    }

    /// The live session of a cookie; its idle time starts again.
    mutating func use(_ secret: String, at now: Instant) -> Session? {
        let key = Self.key(secret)
        guard var session = sessions[key] else { return nil }
        guard now.since(session.lastUsed) < .minutes(60 * ConsoleLimits.sessionHours) else {
            sessions[key] = nil
            return nil
        }
        session.lastUsed = now
        sessions[key] = session
        return session
    }

    /// Ends a session.
    mutating func end(_ secret: String) { sessions[Self.key(secret)] = nil }

    private static func key(_ secret: String) -> Digest { SHA256.hash(Array(secret.utf8)) }
}
