import FleetController
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
                .required(
                    "activation", .text, "now, lotBoundary or window:START-END in minutes after midnight at the site"),
                .required("state", .choice(of: RolloutState.self)),
                .required("reason", .nullableText, "Why it is paused, or who must sign before it can start"),
                .required("wave", .count, "The wave that runs, from 0"), .required("devices", .count),
                .required("succeeded", .count, "Devices with a receipt"), .required("failed", .count),
                .required("waves", .array(of: .component(.wave), limit: 64)),
                .required("trainingRun", .nullable(.id)), .required("createdAt", .time), .required("createdBy", .text),
                .required("startedAt", .nullableTime), .required("endedAt", .nullableTime),
            ])
        }
    }

    /// The role document in force.
    static var rolesSchema: Schema {
        let key = Schema.object([
            .required("id", .name), .required("holder", .text), .required("publicKey", .text, "Base64"),
        ])
        return .object([
            .required("number", .count, "Rises with every document"), .required("expires", .time),
            .required("expiry", .choice(of: RolesExpiry.self), "expiring: less than 30 days are left"),
            .required("threshold", .id, "Distinct release keys that must sign a release"),
            .required("installedAt", .time),
            .required("roots", .array(of: .component(.key), limit: 64), "Oldest first; the last one is in force"),
            .required("releaseKeys", .array(of: key, limit: 64)), .required("timeKeys", .array(of: key, limit: 64)),
            .required("signedTime", .choice(of: SignedTimeState.self), "Whether devices get the time from here"),
            .required("automationKey", .nullableText, "The automation key that lies here"),
            .required(
                "delegations",
                .array(
                    of: .object([
                        .required("key", key), .required("models", .array(of: .name, limit: 64)),
                        .required("group", .text, "A selector"), .required("canaryShare", .share),
                        .required("expires", .time),
                    ]), limit: 64)),
        ])
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
