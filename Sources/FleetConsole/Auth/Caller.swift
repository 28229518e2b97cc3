import FleetController
import FleetModel
import FleetStore

/// Somebody whose token was right.
struct Caller: Hashable, Sendable {
    var identity: Identity
    /// Set when a cookie brought the session: unsafe methods must then carry its form token.
    var session: Session?
}

/// A console session: what a cookie stands for.
struct Session: Hashable, Sendable {
    /// Random; only its SHA-256 is kept as the key.
    var secret: String
    /// What forms and scripts of this session must send along.
    var formToken: String
    var identity: Identity
    /// What the person logged in with, asked again at every request: revoking a token ends its sessions.
    var token: String
    var lastUsed: Instant
}
