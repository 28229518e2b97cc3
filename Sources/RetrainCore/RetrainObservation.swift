/// What is known of a model's fleet at one moment. Groups are named by their tag, such as `side=L`.
public struct RetrainObservation: Hashable, Sendable {
    /// Drift verdicts of one group.
    public struct GroupDrift: Hashable, Sendable {
        public var group: String
        /// Devices that have a verdict.
        public var devices: Int
        /// Those among them that have drifted.
        public var drifted: Int

        public init(group: String, devices: Int, drifted: Int) {
            self.group = group
            self.devices = devices
            self.drifted = drifted
        }
    }

    /// The estimated accuracy of one group, with its 95 % confidence interval; all 0...1.
    public struct GroupAccuracy: Hashable, Sendable {
        public var group: String
        public var estimate: Double
        public var low: Double
        public var high: Double
        /// Annotations that it rests on.
        public var labels: Int
        /// What the release promises.
        public var promise: Double

        public init(group: String, estimate: Double, low: Double, high: Double, labels: Int, promise: Double) {
            self.group = group
            self.estimate = estimate
            self.low = low
            self.high = high
            self.labels = labels
            self.promise = promise
        }
    }

    public var drift: [GroupDrift]
    public var accuracy: [GroupAccuracy]
    /// Annotations since the last dataset version was cut.
    public var newAnnotations: Int

    public init(drift: [GroupDrift] = [], accuracy: [GroupAccuracy] = [], newAnnotations: Int = 0) {
        self.drift = drift
        self.accuracy = accuracy
        self.newAnnotations = newAnnotations
    }
}

/// Why a run starts.
public enum RetrainTriggerKind: String, Hashable, Sendable, CaseIterable {
    case drift, accuracy, annotations, schedule
}

/// One trigger that holds, with its reason for people.
public struct FiredTrigger: Hashable, Sendable {
    public var kind: RetrainTriggerKind
    public var reason: String

    public init(kind: RetrainTriggerKind, reason: String) {
        self.kind = kind
        self.reason = reason
    }
}
