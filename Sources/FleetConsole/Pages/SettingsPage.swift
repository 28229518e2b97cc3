import FleetController
import FleetModel
import FleetStore
import Hummingbird

/// Tokens, webhooks, policies and the keys that are trusted.
enum SettingsPage {
    struct View {
        var newToken: String?
        var newTokenFor: String?
        var isAdmin: Bool
        var tokens: [Token]
        var roles: [String]
        var hasWebhooks: Bool
        var webhooks: [Webhook]
        var hasPolicies: Bool
        var policies: [Policy]
        var noPolicies: EmptyView?
        var newPolicies: [NewPolicy]
        var keyNote: String
        var trust: TrustView?
        var hasKeys: Bool
        var keys: [Key]
    }

    struct Token {
        var id: Int64
        var identity: String
        var role: String
        var state: StatusView
        var note: String
        var made: TimeView
        var used: TimeView?
        var canRevoke: Bool
    }

    struct Webhook {
        var id: Int64
        var url: String
        var kinds: String
        var made: TimeView
    }

    struct Policy {
        var name: String
        var kind: String
        var state: StatusView
        var by: String
        var changed: TimeView
        var document: String
        /// For those who may change it.
        var form: PolicyForm.View?
    }

    struct NewPolicy {
        var title: String
        var form: PolicyForm.View
    }

    struct Key {
        var id: String
        var holder: String
        var use: String
        var state: StatusView
    }

    static func show(_ call: PageRequest) async throws -> Response { try await show(call, newToken: nil) }

    private static func show(_ call: PageRequest, newToken: NewToken?) async throws -> Response {
        let isAdmin = call.may(.administer)
        let tokens = isAdmin ? try await call.queries.tokens() : []
        let webhooks = isAdmin ? try await call.queries.webhooks() : []
        let policies = try await call.queries.policies()
        let keys = try await call.queries.trustedKeys()
        let trust = try await call.controller.trust.overview()
        let view = View(
            newToken: newToken?.text, newTokenFor: newToken?.record.identity, isAdmin: isAdmin,
            tokens: tokens.map { token($0, call) }, roles: Role.allCases.map(\.rawValue),
            hasWebhooks: !webhooks.isEmpty,
            webhooks: webhooks.map {
                Webhook(
                    id: $0.id ?? 0, url: $0.url,
                    kinds: $0.kinds.isEmpty ? "all" : $0.kinds.map(\.rawValue).joined(separator: ", "),
                    made: call.time($0.createdAt))
            }, hasPolicies: !policies.isEmpty, policies: policies.map { policy($0, call) },
            noPolicies: policies.isEmpty
                ? EmptyView(
                    icon: "settings", heading: "No policy yet",
                    text:
                        "A retrain policy starts training on drift, accuracy, annotations or a schedule; a sampling policy says who samples."
                ) : nil,
            newPolicies: call.may(.operate) ? Self.newPolicies : [],
            keyNote: trust.map { "A release needs \($0.roles.threshold) people's keys" } ?? "",
            trust: trust.map(TrustView.init), hasKeys: !keys.isEmpty,
            keys: keys.map {
                Key(
                    id: $0.id.text, holder: $0.holder, use: use(of: $0.use),
                    state: $0.revokedAt == nil ? .ok("Trusted") : .bad("Replaced", icon: "off"))
            })
        return try await call.page("settings", title: "Settings", view)
    }

    private static func use(of key: KeyUse) -> String {
        switch key {
        case .root: "signs the roles"
        case .release: "signs releases"
        case .time: "signs the time"
        case .automation: "signs within its delegation"
        }
    }

    private static var newPolicies: [NewPolicy] {
        [
            NewPolicy(title: "New retraining policy", form: PolicyForm.view(.retrain, nil)),
            NewPolicy(title: "New sampling policy", form: PolicyForm.view(.sampling, nil)),
        ]
    }

    static func makeToken(_ call: PageRequest) async throws -> Response {
        guard let role = Role(rawValue: call.form["role"] ?? "") else {
            throw APIError.badRequest("invalid", "There is no such role.", hint: "Go back and choose one.")
        }
        let made = try await call.controller.tokens.create(
            identity: call.form["identity"] ?? "", role: role, note: call.form["note"] ?? "", by: call.identity)
        return try await show(call, newToken: made)
    }

    static func revokeToken(_ call: PageRequest) async throws -> Response {
        try await call.controller.tokens.revoke(try call.number("id", of: "token"), by: call.identity)
        return call.redirect(to: "/settings")
    }

    static func addWebhook(_ call: PageRequest) async throws -> Response {
        _ = try await call.controller.webhooks.create(url: call.form["url"] ?? "", by: call.identity)
        return call.redirect(to: "/settings")
    }

    static func deleteWebhook(_ call: PageRequest) async throws -> Response {
        try await call.controller.webhooks.delete(try call.number("id", of: "webhook"), by: call.identity)
        return call.redirect(to: "/settings")
    }

    private static func token(_ record: TokenRecord, _ call: PageRequest) -> Token {
        let state: StatusView =
            if record.revokedAt != nil {
                .bad("Revoked", icon: "off")
            } else if let end = record.expiresAt, end <= call.now {
                .warn("Expired", icon: "clock")
            } else { .ok("Valid") }
        return Token(
            id: record.id ?? 0, identity: record.identity, role: record.role.rawValue, state: state, note: record.note,
            made: call.time(record.createdAt), used: record.lastUsedAt.map(call.time),
            canRevoke: record.revokedAt == nil)
    }

    private static func policy(_ record: PolicyRecord, _ call: PageRequest) -> Policy {
        Policy(
            name: record.name, kind: record.kind == .retrain ? "retraining" : "sampling",
            state: record.enabled ? .ok("On") : .plain("Off", icon: "off"), by: record.updatedBy,
            changed: call.time(record.updatedAt), document: record.document,
            form: call.may(.operate) ? PolicyForm.view(record.kind, record) : nil)
    }
}
