import FleetModel
import FleetStore

extension Component {
    static func modelSchema(_ component: Component) -> Schema {
        switch component {
        case .frameDescription: frameSchema
        case .model:
            .object([
                .required("name", .name), .required("description", .text), .required("createdAt", .time),
                .required("sealed", .boolean, "Its images go out encrypted, for the devices that are to run them"),
                .required("versions", .array(of: .integer(minimum: 1), limit: Schema.listLimit), "Newest first"),
            ])
        case .version: versionSchema
        case .signature:
            .object([
                .required("key", .name), .required("identity", .text), .required("signature", .text, "Base64"),
                .required("createdAt", .time),
            ])
        case .key:
            .object([
                .required("id", .name), .required("publicKey", .text, "Base64, 32 bytes"), .required("holder", .text),
                .required("use", .choice(["root", "release"])), .required("createdAt", .time),
                .required("revokedAt", .nullableTime),
            ])
        default: releaseSchema
        }
    }

    private static let frameSchema = Schema.object([
        .required("kind", .choice(of: FrameKind.self)), .required("steps", .integer(minimum: 1, maximum: 1 << 20)),
        .required("width", .integer(minimum: 1, maximum: 1 << 20)),
        .required(
            "channels",
            .array(of: .object([.required("name", .text), .optional("unit", .text)]), limit: 4096)),
    ])

    private static let versionSchema = Schema.object([
        .required("id", .text, "Such as shoulder:2"), .required("model", .name), .required("number", .id),
        .required("description", .text), .required("onnx", .digest), .required("image", .nullableDigest),
        .required("imageBytes", .nullable(.count)), .required("arenaBytes", .nullable(.count)),
        .required("dataset", .nullableText), .required("datasetVersion", .nullable(.id)),
        .required("trainingRun", .nullable(.id)), .required("trainer", .nullableText),
        .required("parameters", .anything), .required("metrics", .anything),
        .required("input", .nullable(.component(.frameDescription))),
        .required(
            "normalisation",
            .nullable(
                .object([
                    .required("offset", .array(of: .number(), limit: 4096)),
                    .required("scale", .array(of: .number(), limit: 4096)),
                ])), "(value - offset) / scale for each channel, before the model"),
        .required("classes", .array(of: .text, limit: 10_000)), .required("releases", .array(of: .name, limit: 10_000)),
        .required("devices", .count, "That run it"), .required("createdAt", .time), .required("createdBy", .text),
    ])

    private static let releaseSchema = Schema.object([
        .required("name", .name), .required("counter", .count), .required("stage", .choice(of: ReleaseStage.self)),
        .required("digest", .nullableDigest, "Of the signed manifest; null until it is approved"),
        .required(
            "parts",
            .array(
                of: .object([
                    .required("slot", .name), .required("version", .text), .required("image", .digest),
                    .required("thresholdsFrom", .text),
                ]), limit: 64)),
        .required("datasets", .array(of: .text, limit: 1000)),
        .required("signatures", .array(of: .component(.signature), limit: 64)),
        .required("threshold", .id, "Distinct keys that it takes"), .required("rejected", .boolean),
        .required("note", .text), .required("createdAt", .time), .required("createdBy", .text),
        .required("expiresAt", .time), .required("approvedAt", .nullableTime), .required("retiredAt", .nullableTime),
    ])

    static func learningSchema(_ component: Component) -> Schema {
        switch component {
        case .sample: sampleSchema
        case .annotation:
            .object([
                .required("id", .id), .required("sample", .id), .required("verdict", .choice(["class", "unusable"])),
                .required("class", .nullableText), .required("identity", .text),
                .required("seconds", .number(minimum: 0)), .required("createdAt", .time),
                .required("withdrawnAt", .nullableTime),
            ])
        case .dataset:
            .object([
                .required("name", .name), .required("description", .text),
                .required("input", .component(.frameDescription)),
                .required("classes", .array(of: .text, limit: 10_000)),
                .required("frames", .count), .required("versions", .array(of: .id, limit: Schema.listLimit)),
                .required("createdAt", .time), .required("createdBy", .text),
            ])
        case .datasetVersion:
            .object([
                .required("dataset", .name), .required("number", .id), .required("digest", .digest),
                .required("selector", .text), .required("includeAnnotations", .boolean), .required("items", .count),
                .required("annotations", .count), .required("note", .text), .required("createdAt", .time),
                .required("createdBy", .text),
            ])
        case .policy:
            .object([
                .required("name", .name), .required("kind", .choice(of: PolicyKind.self)),
                .required("enabled", .boolean), .required("document", .anything), .required("updatedAt", .time),
                .required("updatedBy", .text),
            ])
        default: trainingSchema
        }
    }

    private static let sampleSchema = Schema.object([
        .required("id", .id), .required("device", .name), .required("slot", .name), .required("version", .text),
        .required("release", .digest), .required("tag", .text, "The application's own name for the frame"),
        .required("capturedAt", .time), .required("receivedAt", .time),
        .required("probability", .share, "With which the frame was chosen"),
        .required("kind", .choice(of: FrameKind.self)),
        .required("guess", .text), .required("confidence", .share), .required("margin", .share),
        .required("tags", .tags), .required("verdict", .nullableText), .required("class", .nullableText),
        .required("annotatedAt", .nullableTime), .optional("values", .array(of: .number(), limit: 1 << 24)),
        .optional("scores", .array(of: .number(), limit: 10_000)),
        .optional("classes", .array(of: .text, limit: 10_000)),
        .optional("input", .nullable(.component(.frameDescription))),
    ])

    private static let trainingSchema = Schema.object([
        .required("id", .id), .required("model", .name), .required("dataset", .text), .required("datasetVersion", .id),
        .required("trainer", .text), .required("parameters", .anything),
        .required("state", .choice(of: TrainingState.self)),
        .required("progress", .share), .required("metrics", .anything), .required("log", .longText),
        .required("reason", .text), .required("policy", .nullableText), .required("champion", .nullableText),
        .required("version", .nullableText, "The version that came of it"), .required("failure", .nullable(.longText)),
        .required("createdAt", .time), .required("createdBy", .text), .required("startedAt", .nullableTime),
        .required("endedAt", .nullableTime),
    ])

    static func monitoringSchema(_ component: Component) -> Schema {
        switch component {
        case .summary: summarySchema
        case .driftPoint:
            .object([
                .optional("device", .name), .optional("group", .text), .required("feature", .text),
                .required("at", .time), .optional("psi", .number()), .optional("threshold", .number()),
                .required("ratio", .number(), "PSI over its threshold; above 1 is drift"),
                .optional("worst", .number(), "Of a device of the group"), .optional("devices", .count),
                .optional("inferences", .count),
            ])
        case .accuracy:
            .object([
                .required("group", .text), .required("version", .text), .required("estimate", .share),
                .required("low", .share, "Lower end of the 95 % interval"), .required("high", .share),
                .required("labels", .count), .required("promised", .share), .required("at", .time),
            ])
        default:
            .object([
                .required("version", .text), .required("medianMicroseconds", .nullable(.number(minimum: 0))),
                .required("p95Microseconds", .nullable(.number(minimum: 0))),
                .required("p99Microseconds", .nullable(.number(minimum: 0))), .required("inferences", .count),
                .required("errors", .count), .required("uncertain", .count), .required("devices", .count),
            ])
        }
    }

    private static let summarySchema = Schema.object([
        .required("devices", .count), .required("online", .count),
        .required("receipts", .map(of: .count, limit: 10_000), "Distinct devices with a receipt, by version"),
        .required("running", .map(of: .count, limit: 10_000), "Devices by the version that runs"),
        .required("samples_received", .count), .required("reports_received", .count), .required("inferences", .count),
        .required("duplicates", .count, "Arrived again and not counted again"),
        .required("annotations", .count), .required("bytes_published", .count, "To the broker since the start"),
        .required("alerts", .map(of: .count, limit: 64), "Open ones by kind"),
        .required("webhooks_delivered", .count), .required("webhooks_pending", .count),
    ])
}
