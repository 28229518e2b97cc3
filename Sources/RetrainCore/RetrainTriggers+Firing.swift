import FleetModel

extension RetrainTriggers {
    /// How many triggers the policy has.
    var count: Int {
        [drift != nil, accuracy != nil, annotations != nil, schedule != nil].filter { $0 }.count
    }

    /// The triggers that hold, each with a reason that names the group that moved it most.
    ///
    /// - Parameter waited: From the start of the last run, or from the policy's beginning.
    func fired(_ observation: RetrainObservation, waited: Interval) -> [FiredTrigger] {
        var fired: [FiredTrigger] = []
        if let reason = drift?.reason(observation.drift) { fired.append(FiredTrigger(kind: .drift, reason: reason)) }
        if let reason = accuracy?.reason(observation.accuracy) {
            fired.append(FiredTrigger(kind: .accuracy, reason: reason))
        }
        if let annotations, observation.newAnnotations >= annotations {
            fired.append(
                FiredTrigger(
                    kind: .annotations,
                    reason: "\(observation.newAnnotations) new annotations (\(annotations) are enough)"))
        }
        if let schedule, waited >= schedule {
            fired.append(
                FiredTrigger(
                    kind: .schedule, reason: "\(waited.seconds) s since the last run (due every \(schedule.seconds) s)")
            )
        }
        return fired
    }
}

extension DriftTrigger {
    fileprivate func reason(_ groups: [RetrainObservation.GroupDrift]) -> String? {
        let enough = groups.filter { group in
            group.drifted >= max(devices, 1) && Double(group.drifted) >= share * Double(group.devices) - 1e-9
        }
        guard let worst = enough.max(by: { ($0.drifted, $1.group) < ($1.drifted, $0.group) }) else { return nil }
        return "\(worst.drifted) of \(worst.devices) devices of \(worst.group) have drifted"
    }
}

extension AccuracyTrigger {
    fileprivate func reason(_ groups: [RetrainObservation.GroupAccuracy]) -> String? {
        let broken = groups.filter { $0.labels >= labels && $0.high < $0.promise - tolerance }
        guard let worst = broken.min(by: { ($0.high - $0.promise, $0.group) < ($1.high - $1.promise, $1.group) }) else {
            return nil
        }
        return """
            accuracy of \(worst.group) is about \(percent(worst.estimate)) (\(percent(worst.low)) to \
            \(percent(worst.high)), \(worst.labels) annotations), promised \(percent(worst.promise))
            """
    }
}

extension Interval {
    var seconds: Int64 { milliseconds / 1000 }
}

/// A share in whole percent.
func percent(_ share: Double) -> String { "\(Int(share * 100 + 0.5)) %" }
