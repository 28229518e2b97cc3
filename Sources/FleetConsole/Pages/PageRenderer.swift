import FleetCrypto
import FleetModel
import Hummingbird
import Mustache
import NIOCore

/// Renders the console's pages from templates that are part of the binary.
struct PageRenderer: Sendable {
    /// Files under `Resources`, embedded by SwiftPM.
    static let templates: [String: [UInt8]] = [
        "alerts": PackageResources.alerts_mustache, "annotate": PackageResources.annotate_mustache,
        "audit": PackageResources.audit_mustache, "chart": PackageResources.chart_mustache,
        "claims": PackageResources.claims_mustache,
        "csrf": PackageResources.csrf_mustache, "device": PackageResources.device_mustache,
        "empty": PackageResources.empty_mustache, "error": PackageResources.error_mustache,
        "fleet": PackageResources.fleet_mustache, "icons": PackageResources.icons_mustache,
        "layout": PackageResources.layout_mustache, "login": PackageResources.login_mustache,
        "models": PackageResources.models_mustache, "monitoring": PackageResources.monitoring_mustache,
        "policy": PackageResources.policy_mustache,
        "release": PackageResources.release_mustache, "rollout": PackageResources.rollout_mustache,
        "rollouts": PackageResources.rollouts_mustache, "settings": PackageResources.settings_mustache,
        "stat": PackageResources.stat_mustache, "status": PackageResources.status_mustache,
        "time": PackageResources.time_mustache, "version": PackageResources.version_mustache,
    ]

    /// Files that browsers fetch, by path.
    static let assets: [String: (bytes: [UInt8], type: String)] = [
        "console.css": (PackageResources.console_css, "text/css; charset=utf-8"),
        "console.js": (PackageResources.console_js, "text/javascript; charset=utf-8"),
        "martlet.svg": (PackageResources.martlet_svg, "image/svg+xml"),
    ]

    private let library: MustacheLibrary
    /// Changes with the assets, so that browsers may keep them for long.
    let assetVersion: String

    init() throws {
        var library = MustacheLibrary()
        for (name, bytes) in Self.templates {
            // A file ends with a line break that would become a space behind an inline part.
            let text = String(decoding: bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...], as: UTF8.self)
            try library.register(text, named: name)
        }
        self.library = library
        let all = Self.assets.sorted { $0.key < $1.key }.flatMap(\.value.bytes)
        assetVersion = SHA256.hash(all).short
    }

    /// A page inside the console's frame.
    func page(_ name: String, _ frame: Frame, _ page: Any) -> Response {
        html(name, ["frame": frame, "page": page] as [String: Any])
    }

    /// A page of its own.
    func html(_ name: String, _ view: Any, status: HTTPResponse.Status = .ok) -> Response {
        guard let text = library.render(view, withTemplate: name) else {
            return .text("The page '\(name)' is missing.", type: "text/plain", status: .internalServerError)
        }
        return .text(text, type: "text/html; charset=utf-8", status: status)
    }
}

/// What surrounds every page.
struct Frame {
    struct Link {
        var path: String
        var name: String
    }

    struct Item {
        var path: String
        var name: String
        var icon: String
        var isCurrent: Bool
        var badge: String?
        var badgeTitle: String
    }

    var title: String
    var lede: String?
    var crumb: Link?
    var identity: String
    var role: String
    var initial: String
    /// `dark` or `light` if the person chose; nil follows the system.
    var theme: String?
    var formToken: String
    var assets: String
    var events: String
    var navigation: [Item]
    var notice: NoticeView?
}
