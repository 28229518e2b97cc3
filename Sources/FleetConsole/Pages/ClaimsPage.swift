import FleetController
import FleetModel
import FleetStore
import Foundation
import Hummingbird

/// Claims by which devices join or get a new identity: made, shown once with its code, listed and withdrawn.
enum ClaimsPage {
    /// Claims on the page, the newest.
    static let pageItems = 100

    struct View {
        var made: Made?
        /// Where devices reach this controller, as far as the browser's own address tells.
        var url: String
        /// The device that is to get a new identity; without it the form is for new devices.
        var replaced: String?
        var periods: [ChoiceView]
        var hasClaims: Bool
        var claims: [Row]
        var noClaims: EmptyView?
    }

    /// A claim that was made just now; its text is nowhere afterwards.
    struct Made {
        var device: String
        var text: String
        var qr: String
        var until: String
    }

    struct Row {
        var id: String
        var device: String
        var state: StatusView
        var replaces: Bool
        var by: String
        var made: TimeView
        var expires: String
        var usedBy: String?
        var canWithdraw: Bool
    }

    private static let periods: [(name: String, minutes: Int)] = [
        ("15 minutes", 15), ("an hour", 60), ("a day", 1440), ("a week", 7 * 1440), ("30 days", 30 * 1440),
    ]

    static func show(_ call: PageRequest) async throws -> Response { try await show(call, made: nil) }

    private static func show(_ call: PageRequest, made: NewClaim?) async throws -> Response {
        let claims = try await call.queries.claims(limit: pageItems)
        let replaced = call.query("replace")
        let view = View(
            made: try made.map {
                Made(
                    device: $0.record.pattern, text: $0.text, qr: try QRCode($0.text).svg,
                    until: ISO8601.readable($0.record.expiresAt))
            },
            url: call.ownURL, replaced: replaced.isEmpty ? nil : replaced,
            periods: periods.map { ChoiceView(value: "\($0.minutes)", name: $0.name, isChosen: $0.minutes == 1440) },
            hasClaims: !claims.isEmpty, claims: claims.map { row($0, call) },
            noClaims: claims.isEmpty
                ? EmptyView(
                    icon: "key", heading: "No claim yet",
                    text: "A claim lets one device join by itself: it makes its keys and gets a certificate for them.",
                    command: "martlet device claim DEVICE --tag side=R") : nil)
        return try await call.page("claims", title: "Claims", crumb: Frame.Link(path: "/", name: "Fleet"), view)
    }

    static func create(_ call: PageRequest) async throws -> Response {
        let station = call.form["station"] ?? ""
        let made = try await call.controller.enrolment.createClaim(
            ClaimRequest(
                pattern: call.form["device"] ?? "", station: station.isEmpty ? nil : try StationID(station),
                tags: try tags(call.form["tags"] ?? ""), replaces: call.form["replace"] != nil,
                validity: .minutes(Int64(try call.integer("minutes", 1...43_200))), url: call.form["url"] ?? ""),
            by: call.identity)
        return try await show(call, made: made)
    }

    static func withdraw(_ call: PageRequest) async throws -> Response {
        try await call.controller.enrolment.withdrawClaim(try call.name("id", of: "claim"), by: call.identity)
        return call.redirect(to: "/claims")
    }

    /// Tags as people write them: `side=R, line=3`.
    static func tags(_ text: String) throws -> [String: String] {
        var tags: [String: String] = [:]
        for pair in text.split(separator: ",") {
            let parts = pair.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            guard parts.count == 2, tags.updateValue(parts[1], forKey: parts[0]) == nil else {
                throw APIError.badRequest(
                    "invalid", "'\(pair)' is no tag.", hint: "Write tags such as side=R, line=3, each key once.")
            }
        }
        return tags
    }

    private static func row(_ claim: EnrolmentClaimRecord, _ call: PageRequest) -> Row {
        let state = claim.state(at: call.now)
        return Row(
            id: claim.id.text, device: claim.pattern, state: status(state), replaces: claim.replaces,
            by: claim.createdBy, made: call.time(claim.createdAt), expires: ISO8601.readable(claim.expiresAt),
            usedBy: claim.device?.text, canWithdraw: state == .open)
    }

    private static func status(_ state: EnrolmentClaimRecord.State) -> StatusView {
        switch state {
        case .open: .plain("Open", icon: "clock")
        case .used: .ok("Used")
        case .expired: .warn("Expired", icon: "clock")
        case .withdrawn: .bad("Withdrawn", icon: "off")
        }
    }
}

extension PageRequest {
    /// The address by which this browser reaches the console.
    var ownURL: String {
        let scheme = core.configuration.tls == nil ? "http" : "https"
        return "\(scheme)://\(request.head.authority ?? core.configuration.host)"
    }
}
