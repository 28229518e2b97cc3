import DemoFleet
import FleetController
import FleetStore
import HTTPTypes
import Hummingbird
import Testing

@testable import FleetConsole

@Suite("Who may do what")
struct AccessTests {
    /// An operation of the table, by its index: endpoints hold closures and cannot be arguments themselves.
    static let operations = Array(APIRoutes.table.endpoints.indices)

    /// A path that exists in form but names nothing.
    static func path(_ endpoint: Endpoint) -> String {
        var path = endpoint.path
        for parameter in endpoint.parameters where parameter.place == .path {
            let isNumber = if case .integer = parameter.schema { true } else { false }
            path = path.replacing("{\(parameter.name)}", with: isNumber ? "999999" : "nothing")
        }
        return path
    }

    @Test("every operation asks for a token unless it is open", arguments: operations)
    func asksForToken(index: Int) async throws {
        let endpoint = APIRoutes.table.endpoints[index]
        let answer = try await ConsoleFixture.shared.value.test { caller in
            try await caller.send(endpoint.method, Self.path(endpoint), as: nil)
        }
        if endpoint.access == .open {
            #expect(answer.status != .unauthorized || endpoint.path == "/api/v1/login")
        } else {
            #expect(answer.status == .unauthorized)
            #expect(answer.code == "unauthenticated")
            #expect(answer.headers[.wwwAuthenticate] == "Bearer realm=\"martlet\"")
        }
    }

    @Test("every operation refuses each role below its own and lets the others in", arguments: operations)
    func refusesLowerRoles(index: Int) async throws {
        let endpoint = APIRoutes.table.endpoints[index]
        if case .eventStream = endpoint.reply { return }
        guard endpoint.access != .open else { return }
        try await ConsoleFixture.shared.value.test { caller in
            for role in Role.allCases {
                let answer = try await caller.send(endpoint.method, Self.path(endpoint), as: role)
                if endpoint.access.allows(role) {
                    #expect(answer.status != .forbidden && answer.status != .unauthorized, "\(role)")
                } else {
                    #expect(answer.status == .forbidden, "\(role) got \(answer.status)")
                    #expect(answer.code == "forbidden")
                }
            }
        }
    }

    @Test(
        "a wrong token is refused, however it is wrong", arguments: ["Bearer mrt_nonsense", "Basic YTpi", "Bearer", ""])
    func refusesWrongTokens(header: String) async throws {
        let answer = try await ConsoleFixture.shared.value.test { caller in
            try await caller.send(.get, "/api/v1/devices", as: nil, headers: [.authorization: header])
        }
        #expect(answer.status == .unauthorized)
    }

    @Test("pages send people without a session to the login, and back afterwards")
    func pagesAskForLogin() async throws {
        let answer = try await ConsoleFixture.shared.value.test { try await $0.get("/rollouts?before=3", as: nil) }
        #expect(answer.status == .seeOther)
        #expect(answer.headers[.location] == "/login?next=%2Frollouts%3Fbefore%3D3")
    }

    @Test(
        "a login leads only to this console",
        arguments: [("/alerts", "/alerts"), ("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil", "/")])
    func loginStaysHere(next: String, target: String) {
        #expect(LoginPage.safe(next) == target)
    }
}

@Suite("Sessions and forms")
struct SessionTests {
    @Test("a cookie alone changes nothing: the form token must come along")
    func formToken() async throws {
        let fixture = try await ConsoleFixture()
        try await fixture.test { caller in
            let (cookie, formToken) = try await caller.logIn(as: .annotator)
            let path = "/api/v1/samples/1/annotations"
            let body = #"{"verdict":"unusable"}"#
            let headers: HTTPFields = [.cookie: cookie]
            #expect(try await caller.send(.get, "/api/v1/summary", as: nil, headers: headers).status == .ok)
            let forged = try await caller.send(.post, path, as: nil, body, headers: headers)
            #expect(forged.status == .forbidden)
            #expect(forged.code == "csrf")
            var good = headers
            good[try #require(ConsoleCore.formTokenHeader)] = formToken
            #expect(try await caller.send(.post, path, as: nil, body, headers: good).status == .created)
            good[try #require(ConsoleCore.formTokenHeader)] = String(formToken.reversed())
            #expect(try await caller.send(.post, path, as: nil, body, headers: good).code == "csrf")
        }
    }

    @Test("a form without its token is refused and changes nothing")
    func formPost() async throws {
        let fixture = try await ConsoleFixture()
        try await fixture.test { caller in
            let (cookie, formToken) = try await caller.logIn(as: .operator)
            let form = "application/x-www-form-urlencoded"
            let forged = try await caller.send(
                .post, "/alerts/1/acknowledge", as: nil, "a=b", type: form, headers: [.cookie: cookie])
            #expect(forged.status == .forbidden)
            #expect(try await fixture.fleet.controller.store.queries.alert(1)?.acknowledgedAt == nil)
            let good = try await caller.send(
                .post, "/alerts/1/acknowledge", as: nil, "csrf=\(formToken)", type: form, headers: [.cookie: cookie])
            #expect(good.status == .seeOther)
            #expect(try await fixture.fleet.controller.store.queries.alert(1)?.acknowledgedBy == "ops")
        }
    }

    @Test("the session cookie is out of scripts' and other sites' reach")
    func cookieFlags() async throws {
        let fixture = try await ConsoleFixture()
        let cookie = try await fixture.test { caller in
            try await caller.send(
                .post, "/login", as: nil, "token=\(caller.tokens[.viewer] ?? "")&next=/alerts",
                type: "application/x-www-form-urlencoded")
        }
        #expect(cookie.status == .seeOther)
        #expect(cookie.headers[.location] == "/alerts")
        let header = cookie.headers[.setCookie] ?? ""
        #expect(header.contains("HttpOnly") && header.contains("SameSite=Strict") && header.contains("Path=/"))
    }

    @Test("revoking a token ends the sessions that it began; logging out ends one")
    func sessionsEnd() async throws {
        let fixture = try await ConsoleFixture()
        try await fixture.test { caller in
            let viewer = try await caller.logIn(as: .viewer)
            let tokens = try await caller.get("/api/v1/tokens").json["items"]?.elements ?? []
            let id = tokens.first { $0["role"]?.text == "viewer" }?["id"]?.integerValue ?? 0
            #expect(try await caller.send(.delete, "/api/v1/tokens/\(id)").status == .noContent)
            #expect(
                try await caller.send(.get, "/api/v1/summary", as: nil, headers: [.cookie: viewer.cookie]).status
                    == .unauthorized)
            let annotator = try await caller.logIn(as: .annotator)
            let out = try await caller.send(
                .post, "/logout", as: nil, "csrf=\(annotator.formToken)", type: "application/x-www-form-urlencoded",
                headers: [.cookie: annotator.cookie])
            #expect(out.headers[.location] == "/login")
            #expect(
                try await caller.send(.get, "/api/v1/summary", as: nil, headers: [.cookie: annotator.cookie]).status
                    == .unauthorized)
        }
    }

    @Test("an address that keeps failing must wait")
    func loginLimit() async throws {
        let fixture = try await ConsoleFixture()
        try await fixture.test { caller in
            for _ in 0..<ConsoleLimits.loginFailures {
                #expect(
                    try await caller.send(.post, "/api/v1/login", as: nil, #"{"token":"no"}"#).status == .unauthorized)
            }
            let refused = try await caller.send(.post, "/api/v1/login", as: nil, #"{"token":"no"}"#)
            #expect(refused.status == .tooManyRequests)
            #expect(refused.headers[.retryAfter].flatMap { Int($0) } ?? 0 > 0)
        }
    }
}
