import FleetController
import Hummingbird

/// The door: a token becomes a session.
enum LoginPage {
    struct View {
        var theme: String?
        var assets: String
        var next: String
        var problem: String?
    }

    static func show(_ request: Request, _ core: ConsoleCore, problem: String? = nil) -> Response {
        let next = request.uri.queryParameters["next"].map(String.init) ?? "/"
        let view = View(
            theme: PageRequest.theme(of: request), assets: core.pages.assetVersion, next: safe(next), problem: problem)
        return core.pages.html("login", view, status: problem == nil ? .ok : .unauthorized)
    }

    static func logIn(_ request: Request, _ context: ConsoleContext, _ core: ConsoleCore) async throws -> Response {
        let form = try await FormReader.fields(request)
        do {
            let token = (form["token"] ?? "").filter { !$0.isWhitespace }
            let session = try await core.logIn(token: token, address: context.address)
            var response = Response(status: .seeOther, headers: [.location: safe(form["next"] ?? "/")])
            response.setCookie(core.cookie(for: session))
            return response
        } catch let error as ControllerError where error.code == .unauthenticated {
            return show(request, core, problem: "This token is unknown, has expired or was revoked.")
        } catch let error as APIError {
            var response = show(request, core, problem: "\(error.message) \(error.hint)")
            response.status = error.status
            response.headers.append(contentsOf: error.headers)
            return response
        }
    }

    static func logOut(_ call: PageRequest) async throws -> Response {
        if let session = call.caller.session { call.core.logOut(session) }
        var response = Response(status: .seeOther, headers: [.location: "/login"])
        response.setCookie(
            Cookie(name: ConsoleCore.sessionCookie, value: "", maxAge: 0, path: "/", httpOnly: true, sameSite: .strict))
        return response
    }

    /// Only paths of this console: a login must not send people elsewhere.
    static func safe(_ next: String) -> String {
        let isOwn = next.hasPrefix("/") && !next.hasPrefix("//") && !next.contains("\\") && !next.contains("\r")
        return isOwn && !next.contains("\n") ? next : "/"
    }
}
