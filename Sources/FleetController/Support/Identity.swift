public import FleetStore

/// Who gives a command.
public struct Identity: Hashable, Sendable {
    public var name: String
    public var role: Role

    public init(name: String, role: Role) {
        self.name = name
        self.role = role
    }

    /// The controller itself, where a rule that people set acts without them.
    public static let controller = Identity(name: "martlet", role: .operator)

    /// Whoever administers on this machine: `martlet serve` at its first start and commands on the data folder.
    public static let local = Identity(name: "local", role: .admin)

    /// Throws unless the role is at least `role`.
    public func require(_ role: Role, for command: String) throws(ControllerError) {
        guard self.role >= role else {
            throw ControllerError(
                .forbidden, "\(command) needs the role \(role.rawValue); \(name) is \(self.role.rawValue)",
                hint: "ask an admin for a token with that role")
        }
    }
}
