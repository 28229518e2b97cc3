import FleetController
import FleetModel
import FleetStore
import FleetWire
import HTTPTypes
import Hummingbird
import Logging

/// Around every request: security headers, errors in the form that the reader understands, counts and times.
struct ConsoleMiddleware: RouterMiddleware {
    typealias Context = ConsoleContext

    let core: ConsoleCore

    /// Everything comes from this host; scripts and styles only from files; nobody frames the console.
    static let contentPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

    func handle(
        _ request: Request, context: ConsoleContext, next: (Request, ConsoleContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        var response: Response
        do {
            response = try await next(request, context)
        } catch {
            response = answer(to: problem(error, context), request)
        }
        secure(&response)
        let elapsed = ContinuousClock.now - start
        core.metrics.record(
            RequestMetrics.Key(
                method: request.method.rawValue, route: context.endpointPath ?? "none", status: response.status.code),
            seconds: Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18)
        return response
    }

    private func secure(_ response: inout Response) {
        let headers: [(HTTPField.Name?, String)] = [
            (HTTPField.Name("Content-Security-Policy"), Self.contentPolicy),
            (HTTPField.Name("X-Content-Type-Options"), "nosniff"),
            (HTTPField.Name("Referrer-Policy"), "same-origin"),
            (HTTPField.Name("Cross-Origin-Opener-Policy"), "same-origin"),
        ]
        for case (let name?, let value) in headers { response.headers[name] = value }
        if core.configuration.tls != nil, let name = HTTPField.Name("Strict-Transport-Security") {
            response.headers[name] = "max-age=31536000"
        }
    }

    /// The error as the API words it; what nobody foresaw is logged and told without its details.
    private func problem(_ error: any Error, _ context: ConsoleContext) -> APIError {
        switch error {
        case let error as APIError: return error
        case let error as ControllerError:
            var headers: HTTPFields = [:]
            if error.code == .unauthenticated { headers = APIError.unauthenticated.headers }
            return APIError(
                HTTPResponse.Status(code: error.status), error.code.rawValue, error.message, hint: error.hint,
                headers: headers)
        case let error as StoreError where error.code == .notFound:
            return APIError(.notFound, error.code.rawValue, error.message, hint: error.hint)
        case let error as NameError:
            return .invalid(SchemaMismatch(path: "", reason: "names something wrong: \(error)"))
        case let error as WireError:
            return .badRequest("invalid", "\(error)", hint: "Send what this version of the protocol says.")
        case let error as HTTPError where error.status == .notFound:
            return APIError(
                .notFound, "notFound", "There is nothing here.", hint: "See /openapi.json for what there is.")
        case let error as HTTPError:
            return APIError(error.status, "http", error.body ?? error.status.reasonPhrase, hint: "Check the request.")
        default:
            context.logger.error(
                "request failed", metadata: ["error": "\(error)", "path": "\(context.endpointPath ?? "")"])
            return .internal
        }
    }

    private func answer(to problem: APIError, _ request: Request) -> Response {
        let isForPrograms = ["/api/", "/metrics", "/healthz", "/openapi.json"].contains {
            request.uri.path.hasPrefix($0)
        }
        guard !isForPrograms else { return problem.response() }
        struct View {
            var theme: String?
            var assets: String
            var heading: String
            var message: String
            var hint: String
        }
        let view = View(
            theme: PageRequest.theme(of: request), assets: core.pages.assetVersion,
            heading: problem.status == .notFound ? "Not found" : "That did not work", message: problem.message,
            hint: problem.hint)
        return core.pages.html("error", view, status: problem.status)
    }
}
