import FleetController
import FleetStore
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// The console's pages and how they are registered.
enum ConsolePages {
    static let pages: [Page] = [
        .get("/", .read, FleetPage.show),
        .get("/devices/{id}", .read, DevicePage.show),
        .post("/devices/{id}/revoke", .operate, DevicePage.revoke),
        .get("/claims", .operate, ClaimsPage.show),
        .post("/claims", .operate, ClaimsPage.create),
        .post("/claims/{id}/withdraw", .operate, ClaimsPage.withdraw),
        .get("/models", .read, ModelsPage.show),
        .get("/models/{model}/{number}", .read, VersionPage.show),
        .get("/releases/{name}", .read, ReleasePage.show),
        .post("/releases/{name}/reject", .role(.approver), ReleasePage.reject),
        .get("/rollouts", .read, RolloutsPage.show),
        .post("/rollouts", .operate, RolloutsPage.create),
        .get("/rollouts/{id}", .read, RolloutPage.show),
        .post("/rollouts/{id}/{action}", .operate, RolloutPage.act),
        .get("/monitoring", .read, MonitoringPage.show),
        .get("/annotate", .annotate, AnnotatePage.show),
        .post("/annotate", .annotate, AnnotatePage.judge),
        .get("/alerts", .read, AlertsPage.show),
        .post("/alerts/{id}/acknowledge", .operate, AlertsPage.acknowledge),
        .get("/audit", .read, AuditPage.show),
        .get("/settings", .read, SettingsPage.show),
        .post("/settings/policies", .operate, PolicyForm.save),
        .post("/settings/tokens", .administer, SettingsPage.makeToken),
        .post("/settings/tokens/{id}/revoke", .administer, SettingsPage.revokeToken),
        .post("/settings/webhooks", .administer, SettingsPage.addWebhook),
        .post("/settings/webhooks/{id}/delete", .administer, SettingsPage.deleteWebhook),
        .post("/logout", .read, LoginPage.logOut),
    ]

    static func register(on router: Router<ConsoleContext>, core: ConsoleCore) {
        for page in pages {
            router.on(RouterPath(page.path), method: page.method) { request, context in
                try await answer(request, context, page, core)
            }
        }
        router.get("/login") { request, _ in LoginPage.show(request, core) }
        router.post("/login") { request, context in try await LoginPage.logIn(request, context, core) }
        for (name, asset) in PageRenderer.assets {
            router.get(RouterPath("/assets/\(name)")) { _, _ in
                Response(
                    status: .ok,
                    headers: [.contentType: asset.type, .cacheControl: "public, max-age=31536000, immutable"],
                    body: ResponseBody(byteBuffer: ByteBuffer(bytes: asset.bytes)))
            }
        }
    }

    private static func answer(
        _ request: Request, _ context: ConsoleContext, _ page: Page, _ core: ConsoleCore
    ) async throws -> Response {
        guard let caller = try await core.caller(of: request) else {
            let next = page.method == .get ? request.uri.string : "/"
            return Response(status: .seeOther, headers: [.location: "/login?next=\(URLText.encode(next))"])
        }
        guard page.access.allows(caller.identity.role) else {
            throw APIError.forbidden(caller.identity.role.rawValue, page.access.roles.map(\.rawValue))
        }
        var form: [String: String] = [:]
        if page.method == .post {
            form = try await FormReader.fields(request)
            if let session = caller.session {
                guard ConstantTime.equal(form["csrf"] ?? "", session.formToken) else { throw APIError.forged }
            }
        }
        let call = PageRequest(
            request: request, context: context, core: core, caller: caller, form: form, now: core.now())
        return try await page.handle(call)
    }
}
