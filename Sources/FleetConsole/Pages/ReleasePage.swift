import FleetController
import FleetModel
import FleetStore
import FleetWire
import Hummingbird

/// One release: stage, signatures, approval, and everything that switches together.
enum ReleasePage {
    struct View {
        var name: String
        var steps: [StepView]
        var needed: String
        var hasSignatures: Bool
        var signatures: [Signature]
        var rejections: [Rejection]
        var canSign: Bool
        var canRollOut: Bool
        var facts: [FactView]
        var parts: [Part]
    }

    struct Signature {
        var holder: String
        var by: String
        var key: String
        var signature: String
        var made: TimeView
    }

    struct Rejection {
        var by: String
        var reason: String
    }

    struct Part {
        var slot: String
        var version: String
        var path: String
        var summary: String
        var facts: [FactView]
        var hasThresholds: Bool
        var thresholds: [Threshold]
    }

    struct Threshold {
        var feature: String
        var unit: String
        var threshold: String
        var bins: String
        var readings: String
    }

    static func show(_ call: PageRequest) async throws -> Response {
        let name = try call.name("name", of: "release", as: ReleaseName.self)
        guard let overview = try await call.queries.releases(name).first else {
            throw APIError.notFound("release", name.text)
        }
        let release = overview.release
        let manifest = try ReleaseManifest(decoding: [UInt8](release.manifest))
        let holders = Dictionary(
            try await call.queries.trustedKeys().map { ($0.id, $0.holder) }, uniquingKeysWith: { first, _ in first })
        let stages: [ReleaseStage] = [.draft, .candidate, .approved, .released]
        let reached = stages.firstIndex(of: release.stage) ?? stages.count
        let view = View(
            name: name.text,
            steps: StepView.sequence(
                stages.map(\.rawValue) + (release.stage == .retired ? ["retired"] : []),
                reached: release.stage == .released ? stages.count : reached),
            needed: "\(overview.signatures.count) of \(overview.threshold) needed",
            hasSignatures: !overview.signatures.isEmpty,
            signatures: overview.signatures.map {
                Signature(
                    holder: holders[$0.key] ?? "unknown", by: $0.identity, key: $0.key.text,
                    signature: Hexadecimal.text($0.signature), made: call.time($0.createdAt))
            },
            rejections: overview.rejections.map { Rejection(by: $0.identity, reason: $0.reason) },
            canSign: release.stage == .candidate && overview.rejections.isEmpty && call.may(.operate),
            canRollOut: [.approved, .released].contains(release.stage) && call.may(.operate),
            facts: facts(overview, manifest), parts: manifest.parts.map(part))
        return try await call.page(
            "release", title: name.text, lede: release.note.isEmpty ? nil : release.note,
            crumb: Frame.Link(path: "/models", name: "Models and releases"), view)
    }

    static func reject(_ call: PageRequest) async throws -> Response {
        let name = try call.name("name", of: "release", as: ReleaseName.self)
        try await call.controller.releases.reject(name, reason: call.form["reason"] ?? "", by: call.identity)
        return call.redirect(to: "/releases/\(name)")
    }

    private static func facts(_ overview: ReleaseOverview, _ manifest: ReleaseManifest) -> [FactView] {
        let release = overview.release
        return [
            FactView(
                name: "Digest", value: release.digest?.hex ?? "fixed once it is signed", isCode: release.digest != nil),
            FactView(name: "Counter", value: Format.count(release.counter)),
            FactView(name: "Made", value: "\(ISO8601.readable(release.createdAt)) by \(release.createdBy)"),
            FactView(name: "Expires", value: ISO8601.readable(release.expiresAt)),
            FactView(
                name: "Datasets",
                value: overview.datasets.isEmpty
                    ? "–" : overview.datasets.map { "\($0.dataset):\($0.number)" }.joined(separator: ", ")),
            FactView(name: "Runtime", value: "\(manifest.compatibility.runtime) or newer"),
            FactView(
                name: "Hardware",
                value: manifest.compatibility.hardware.isEmpty
                    ? "any" : manifest.compatibility.hardware.joined(separator: ", ")),
            FactView(
                name: "Bound to", value: manifest.scope.isEmpty ? "any device" : manifest.scope.joined(separator: "; ")),
            FactView(
                name: "May return to",
                value: manifest.mayReturnTo.isEmpty ? "–" : manifest.mayReturnTo.map(\.short).joined(separator: ", ")),
        ]
    }

    private static func agent(_ part: ReleasePart, _ name: String) -> Part {
        Part(
            slot: part.slot.text, version: part.version.description,
            path: "/models/\(part.version.model)/\(part.version.number)", summary: "the devices' own program",
            facts: [
                FactView(name: "Calls itself", value: name),
                FactView(name: "Program", value: part.image.digest.hex, isCode: true),
                FactView(name: "Size", value: Format.bytes(part.image.bytes)),
                FactView(name: "Proof", value: "it checks itself on each device, then must reach the broker in time"),
            ], hasThresholds: false, thresholds: [])
    }

    private static func part(_ part: ReleasePart) -> Part {
        if case .agent(let name) = part.kind { return agent(part, name) }
        let thresholds = part.baseline.features.map { feature in
            let channel =
                part.input.channels.indices.contains(feature.channel) ? part.input.channels[feature.channel] : nil
            return Threshold(
                feature: "\(channel?.name ?? "channel \(feature.channel)") (\(feature.statistic.rawValue))",
                unit: channel.map { $0.unit.isEmpty ? "–" : $0.unit } ?? "–",
                threshold: Format.decimal(Double(feature.driftThreshold), 3), bins: Format.count(feature.counts.count),
                readings: Format.count(feature.counts.reduce(0, +)))
        }
        let predictions = Threshold(
            feature: "predictions", unit: "class",
            threshold: Format.decimal(Double(part.baseline.predictions.driftThreshold), 3),
            bins: Format.count(part.baseline.predictions.counts.count),
            readings: Format.count(part.baseline.predictions.counts.reduce(0, +)))
        return Part(
            slot: part.slot.text, version: part.version.description,
            path: "/models/\(part.version.model)/\(part.version.number)", summary: ModelsPage.shape(part.input),
            facts: [
                FactView(name: "Image", value: part.image.digest.hex, isCode: true),
                FactView(
                    name: "Size",
                    value: "\(Format.bytes(part.image.bytes)), \(Format.bytes(part.image.arenaBytes)) of working memory"
                ),
                FactView(name: "Classes", value: part.classes.joined(separator: ", ")),
                FactView(name: "Promised accuracy", value: Format.percent(Double(part.thresholds.promisedAccuracy))),
                FactView(
                    name: "Uncertain below",
                    value: "\(Format.percent(Double(part.thresholds.minimumConfidence), 0)) confidence"),
                FactView(name: "Thresholds from", value: part.thresholds.derivedFrom.description),
                FactView(
                    name: "Golden proof",
                    value:
                        "\(Format.count(part.golden.inputs.count, "frame")), largest error \(part.golden.tolerance), "
                        + "median below \(Format.microseconds(Double(part.golden.latencyLimit)))"),
            ], hasThresholds: true, thresholds: thresholds + [predictions])
    }
}
