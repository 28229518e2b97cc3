import FleetController
import FleetModel
import FleetStore
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import Synchronization

/// What every request handler shares.
final class ConsoleCore: Sendable {
    /// The cookie that stands for a session.
    static let sessionCookie = "martlet_session"
    /// The header with which a script of the console sends its session's form token.
    static let formTokenHeader = HTTPField.Name("X-CSRF-Token")

    let controller: FleetController
    let configuration: ConsoleConfiguration
    let metrics = RequestMetrics()
    let pages: PageRenderer
    let logger: Logger
    private let clock: @Sendable () -> Instant
    private let sessions = Mutex(SessionBook())
    private let logins = Mutex(FailureLimiter.logins)
    private let enrolments = Mutex(FailureLimiter.enrolments)
    private let streams = Mutex(0)

    init(
        controller: FleetController, configuration: ConsoleConfiguration, logger: Logger,
        clock: @escaping @Sendable () -> Instant
    ) throws {
        self.controller = controller
        self.configuration = configuration
        self.logger = logger
        self.clock = clock
        pages = try PageRenderer()
    }

    func now() -> Instant { clock() }

    // MARK: - The door

    /// The caller of a request, if the access lets them in; throws otherwise.
    func admit(_ request: Request, to access: Access) async throws -> Caller? {
        guard access != .open else { return nil }
        guard let caller = try await caller(of: request) else { throw APIError.unauthenticated }
        guard access.allows(caller.identity.role) else {
            throw APIError.forbidden(caller.identity.role.rawValue, access.roles.map(\.rawValue))
        }
        if let session = caller.session, !Self.isSafe(request.method), !isForm(request) {
            guard let token = Self.formTokenHeader.flatMap({ request.headers[$0] }),
                ConstantTime.equal(token, session.formToken)
            else { throw APIError.forged }
        }
        return caller
    }

    /// Who sends a request: by bearer token, or by session cookie.
    func caller(of request: Request) async throws -> Caller? {
        if let header = request.headers[.authorization] {
            let parts = header.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw APIError.unauthenticated }
            return Caller(identity: try await controller.tokens.authenticate(String(parts[1])), session: nil)
        }
        guard let secret = request.cookies[Self.sessionCookie]?.value,
            let session = sessions.withLock({ $0.use(secret, at: now()) })
        else { return nil }
        do {
            return Caller(identity: try await controller.tokens.authenticate(session.token), session: session)
        } catch let error as ControllerError where error.code == .unauthenticated {
            logOut(session)
            return nil
        }
    }

    /// Methods that change nothing need no form token.
    static func isSafe(_ method: HTTPRequest.Method) -> Bool { method == .get || method == .head }

    /// Forms carry their token in a field, which the page that reads the form checks.
    private func isForm(_ request: Request) -> Bool {
        !request.uri.path.hasPrefix("/api/")
            && request.headers[.contentType]?.hasPrefix("application/x-www-form-urlencoded") == true
    }

    // MARK: - Sessions

    /// Turns a token into a session; throws when it is wrong or the address has failed too often.
    func logIn(token: String, address: String) async throws -> Session {
        if let seconds = logins.withLock({ $0.wait(for: address, at: now()) }) {
            throw APIError(
                .tooManyRequests, "tooManyLogins", "Too many failed logins from this address.",
                hint: "Wait \(seconds) seconds.", headers: [.retryAfter: String(seconds)])
        }
        let identity: Identity
        do {
            identity = try await controller.tokens.authenticate(token)
        } catch let error as ControllerError where error.code == .unauthenticated {
            logins.withLock { $0.failed(address, at: now()) }
            throw error
        }
        logins.withLock { $0.succeeded(address) }
        let session = Session(
            secret: RandomText.hex(bytes: 32), formToken: RandomText.hex(bytes: 32), identity: identity, token: token,
            lastUsed: now())
        sessions.withLock { $0.begin(session) }
        return session
    }

    /// Lets an address ask for a device's certificate unless too much that it asked was refused. Whoever gets one does
    /// not clear the address: a claim of one's own would let one try others'.
    func enrolling<Value>(from address: String, _ body: () async throws -> Value) async throws -> Value {
        if let seconds = enrolments.withLock({ $0.wait(for: address, at: now()) }) {
            throw APIError(
                .tooManyRequests, "tooManyEnrolments", "Too many refused enrolments from this address.",
                hint: "Wait \(seconds) seconds.", headers: [.retryAfter: String(seconds)])
        }
        do { return try await body() } catch let error as ControllerError where error.code == .forbidden {
            enrolments.withLock { $0.failed(address, at: now()) }
            throw error
        }
    }

    /// Ends a session.
    func logOut(_ session: Session) { sessions.withLock { $0.end(session.secret) } }

    /// The cookie that begins a session.
    func cookie(for session: Session) -> Cookie {
        Cookie(
            name: Self.sessionCookie, value: session.secret, maxAge: Int(ConsoleLimits.sessionHours) * 3600, path: "/",
            secure: configuration.tls != nil, httpOnly: true, sameSite: .strict)
    }

    // MARK: - Event streams

    /// Takes one of the places for event streams; false when all are taken.
    func beginStream() -> Bool {
        streams.withLock { count in
            guard count < ConsoleLimits.eventStreams else { return false }
            count += 1
            return true
        }
    }

    func endStream() { streams.withLock { $0 -= 1 } }

    /// Event streams that are open.
    var openStreams: Int { streams.withLock { $0 } }
}
