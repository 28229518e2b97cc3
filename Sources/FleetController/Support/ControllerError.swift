/// Why the controller refused a command or could not carry it out.
///
/// The HTTP API answers with the code, the message and the hint; `status` is the HTTP status that fits.
public struct ControllerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Stable codes for programs.
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// What was asked for does not exist.
        case notFound
        /// It exists already, or another change came first.
        case conflict
        /// The request is not well formed or breaks a rule.
        case invalid
        /// No valid token came with the request.
        case unauthenticated
        /// The identity's role does not allow it.
        case forbidden
        /// A limit that has a name was reached.
        case limitReached
        /// Not in the state that it would have to be in.
        case wrongState
        /// A signature is not what it should be.
        case badSignature
        /// Something outside failed: broker, trainer, disk.
        case unavailable
    }

    public let code: Code
    /// What happened, with the names that it happened to.
    public let message: String
    /// What a person can do about it.
    public let hint: String

    public init(_ code: Code, _ message: String, hint: String = "") {
        self.code = code
        self.message = message
        self.hint = hint
    }

    /// The HTTP status that fits the code.
    public var status: Int {
        switch code {
        case .notFound: 404
        case .conflict, .wrongState: 409
        case .invalid, .badSignature: 422
        case .unauthenticated: 401
        case .forbidden: 403
        case .limitReached: 429
        case .unavailable: 503
        }
    }

    public var description: String {
        hint.isEmpty ? "\(code.rawValue): \(message)" : "\(code.rawValue): \(message); \(hint)"
    }

    static func notFound(_ what: String, _ name: some CustomStringConvertible) -> ControllerError {
        ControllerError(.notFound, "\(what) '\(name)' does not exist", hint: "list them to see what there is")
    }
}
