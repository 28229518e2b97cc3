import FleetStore

/// Who may call an operation: anybody, or an identity whose role is at least the one named.
enum Access: Hashable, Sendable {
    /// Anybody: health, the document itself, the login.
    case open
    case role(Role)

    /// Anybody with a token.
    static let read = Access.role(.viewer)
    /// People who label samples.
    static let annotate = Access.role(.annotator)
    /// People who run the fleet, and who put the first signature under a release.
    static let operate = Access.role(.operator)
    /// People who make tokens and webhooks.
    static let administer = Access.role(.admin)

    /// The roles that are let in.
    var roles: [Role] {
        switch self {
        case .open: Role.allCases
        case .role(let least): Role.allCases.filter { $0 >= least }
        }
    }

    func allows(_ role: Role) -> Bool { roles.contains(role) }
}
