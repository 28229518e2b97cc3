import FleetModel
import FleetStore

extension Component {
    static func deviceSchema(_ component: Component) -> Schema {
        guard component == .device else {
            return .object([
                .required("slot", .name), .required("phase", .choice(of: InstallPhase.self)),
                .required("progress", .share, "Of the phase"), .required("failure", .nullableText),
                .required("detail", .text), .required("champion", .nullableDigest, "The release that runs"),
                .required("version", .nullableText, "The version that runs, such as shoulder:2"),
                .required("desired", .nullableDigest, "The release that should run"),
                .required("previous", .nullableDigest, "The release that it would return to"),
                .required("reportedAt", .nullableTime),
            ])
        }
        return .object([
            .required("id", .name), .required("tags", .tags), .required("station", .nullableText),
            .required("hardware", .text), .required("online", .boolean), .required("lastSeen", .nullableTime),
            .required("createdAt", .time), .required("revokedAt", .nullableTime),
            .required("agentVersion", .nullableText), .required("runtimeVersion", .nullableText),
            .required("instructionSet", .nullableText), .required("generation", .count),
            .required("observedGeneration", .count), .required("slots", .array(of: .component(.deviceSlot), limit: 64)),
            .required("drift", .nullable(.component(.driftPoint)), "The worst feature of the newest verdict"),
            .required("recentInferences", .count, "In the last 24 hours"),
        ])
    }

    static func rolloutSchema(_ component: Component) -> Schema {
        switch component {
        case .wave:
            .object([
                .required("name", .text), .required("share", .share, "Of all devices, with the waves before"),
                .required("selector", .text), .required("minimumReceipts", .share),
                .required("maximumFailures", .share), .required("soakSeconds", .number(minimum: 0)),
                .required("deadlineSeconds", .number(minimum: 0)), .required("devices", .count),
                .required("succeeded", .count), .required("failed", .count), .required("startedAt", .nullableTime),
                .required("endedAt", .nullableTime),
            ])
        case .rolloutDevice:
            .object([
                .required("device", .name), .required("wave", .count),
                .required("state", .choice(of: RolloutDeviceState.self)), .required("phase", .nullableText),
                .required("progress", .share), .required("failure", .nullableText), .required("detail", .text),
                .required("offeredAt", .nullableTime), .required("endedAt", .nullableTime),
            ])
        default:
            .object([
                .required("id", .id), .required("release", .name),
                .required("versions", .array(of: .text, limit: 64)), .required("selector", .text),
                .required("activation", .text, "now, lotBoundary or window:START-END in minutes after midnight UTC"),
                .required("state", .choice(of: RolloutState.self)),
                .required("reason", .nullableText, "Why it is paused"),
                .required("wave", .count, "The wave that runs, from 0"), .required("devices", .count),
                .required("succeeded", .count, "Devices with a receipt"), .required("failed", .count),
                .required("waves", .array(of: .component(.wave), limit: 64)),
                .required("trainingRun", .nullable(.id)), .required("createdAt", .time), .required("createdBy", .text),
                .required("startedAt", .nullableTime), .required("endedAt", .nullableTime),
            ])
        }
    }

    static func operationSchema(_ component: Component) -> Schema {
        switch component {
        case .alert:
            .object([
                .required("id", .id), .required("kind", .choice(of: AlertKind.self)),
                .required("severity", .choice(of: AlertSeverity.self)), .required("subject", .text),
                .required("title", .text), .required("reason", .text),
                .required("action", .text, "What to do about it"),
                .required("occurrences", .count), .required("openedAt", .time), .required("updatedAt", .time),
                .required("closedAt", .nullableTime), .required("acknowledgedAt", .nullableTime),
                .required("acknowledgedBy", .nullableText),
            ])
        case .webhook:
            .object([
                .required("id", .id), .required("url", .text),
                .required("kinds", .array(of: .choice(of: AlertKind.self), limit: 64), "Empty means all"),
                .required("signed", .boolean, "Whether bodies carry an HMAC"), .required("enabled", .boolean),
                .required("createdAt", .time), .required("createdBy", .text),
            ])
        case .auditEntry:
            .object([
                .required("number", .id), .required("at", .time), .required("identity", .text),
                .required("role", .choice(of: Role.self)), .required("command", .text), .required("subject", .text),
                .required("detail", .anything), .required("reason", .text),
                .required("previous", .digest, "Hash of the entry before"), .required("hash", .digest),
            ])
        case .claim:
            .object([
                .required("id", .name), .required("device", .text, "The id, or its beginning and a *"),
                .required("station", .nullableText), .required("tags", .tags), .required("replace", .boolean),
                .required("state", .choice(of: EnrolmentClaimRecord.State.self)), .required("createdAt", .time),
                .required("createdBy", .text), .required("expiresAt", .time), .required("usedAt", .nullableTime),
                .required("usedBy", .nullableText),
                .optional("text", .text, "The claim itself: only in the answer that made it"),
                .optional("qr", .longText, "The same as a QR code, SVG: only there"),
            ])
        default:
            .object([
                .required("id", .id), .required("identity", .text), .required("role", .choice(of: Role.self)),
                .required("note", .text), .required("createdAt", .time), .required("expiresAt", .nullableTime),
                .required("lastUsedAt", .nullableTime), .required("revokedAt", .nullableTime),
                .optional("token", .text, "The token itself: only in the answer that made it"),
            ])
        }
    }
}
