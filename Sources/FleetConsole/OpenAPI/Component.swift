import FleetModel
import FleetStore

/// The named schemas of the API: what its replies are made of.
enum Component: String, Hashable, Sendable, CaseIterable {
    case summary = "Summary"
    case device = "Device"
    case deviceSlot = "DeviceSlot"
    case frameDescription = "FrameDescription"
    case model = "Model"
    case version = "Version"
    case release = "Release"
    case signature = "Signature"
    case key = "Key"
    case roles = "Roles"
    case rollout = "Rollout"
    case wave = "Wave"
    case rolloutDevice = "RolloutDevice"
    case sample = "Sample"
    case annotation = "Annotation"
    case dataset = "Dataset"
    case datasetVersion = "DatasetVersion"
    case trainingRun = "TrainingRun"
    case policy = "Policy"
    case driftPoint = "DriftPoint"
    case accuracy = "AccuracyEstimate"
    case latency = "Latency"
    case alert = "Alert"
    case webhook = "Webhook"
    case auditEntry = "AuditEntry"
    case token = "Token"
    case claim = "Claim"

    var schema: Schema {
        switch self {
        case .summary, .driftPoint, .accuracy, .latency: Self.monitoringSchema(self)
        case .device, .deviceSlot: Self.deviceSchema(self)
        case .frameDescription, .model, .version, .release, .signature, .key: Self.modelSchema(self)
        case .roles: Self.rolesSchema
        case .rollout, .wave, .rolloutDevice: Self.rolloutSchema(self)
        case .sample, .annotation, .dataset, .datasetVersion, .trainingRun, .policy: Self.learningSchema(self)
        case .alert, .webhook, .auditEntry, .token, .claim: Self.operationSchema(self)
        }
    }
}

extension Schema {
    static let nullableTime = Schema.nullable(.time)
    static let nullableText = Schema.nullable(.text)
    static let nullableDigest = Schema.nullable(.digest)
    static let id = Schema.integer(minimum: 1)
    /// Text of any length, such as a log.
    static let longText = Schema.string(StringRule(maximumLength: .max))
    /// One of an enumeration's raw values.
    static func choice<Words: CaseIterable & RawRepresentable<String>>(of type: Words.Type) -> Schema {
        .choice(Words.allCases.map(\.rawValue))
    }
}
