import FleetModel
import FleetStore
import Foundation
import GRDB
import Sketches

extension DemoSeed {
    func samples(_ database: Database, _ releases: [Digest]) throws {
        var generator = SeededGenerator(seed: 11)
        for index in 0..<42 {
            let device = Self.deviceIDs[index % Self.deviceIDs.count]
            var scores = Self.classes.map { _ in Float.random(in: 0.01...0.3, using: &generator) }
            scores[index % 7] += 0.5
            let sum = scores.reduce(0, +)
            scores = scores.map { $0 / sum }
            let ranked = scores.sorted(by: >)
            let confidence = Double(ranked[0])
            let margin = confidence - Double(ranked[1])
            let chance: Double = 0.02 + 0.2 * (1 - margin)
            let sequence = Int64(1 + index / 20)
            let values = Self.frame(&generator, speed: Double(1 + index % 4))
            let tags = ["side": Self.isLeft(device) ? "L" : "R", "subject": "\(1 + index % 10)"]
            let captured = ago(minutes: 600 - 10 * Double(index))
            var sample = SampleRecord(
                device: device, boot: "b\(index % 20)", sequence: sequence, slot: .main, release: releases[0],
                model: Self.model, number: 1, capturedAt: captured, receivedAt: captured, tag: "f\(100 + index)",
                probability: chance, kind: .timeseries, frame: StoredFrame(values),
                frameDigest: Self.digest("frame\(index)"), scores: FloatVector(scores),
                predictedClass: Self.classes[index % 7], confidence: confidence, margin: margin, tags: tags)
            try sample.insert(database)
        }
    }

    /// 50 readings of six channels: an arm that swings.
    static func frame(_ generator: inout SeededGenerator, speed: Double) -> [Float] {
        let phase = Double.random(in: 0...6, using: &generator)
        return (0..<50).flatMap { step -> [Float] in
            let angle = Double(step) / 8 * speed + phase
            let noise = (0..<6).map { _ in Double.random(in: -0.06...0.06, using: &generator) }
            let swing: [Double] = [
                0.3 + 0.5 * sin(angle), -0.8 + 0.3 * cos(angle), 0.2 * sin(2 * angle), 2.1 * cos(angle),
                -1.2 * sin(angle), 0.6 * cos(2 * angle),
            ]
            return zip(swing, noise).map { Float($0 + $1) }
        }
    }

    func monitoring(_ database: Database, _ releases: [Digest]) throws {
        try drift(database, releases)
        for step in 0..<8 {
            for (group, base) in [("side=L", 0.42), ("side=R", 0.79)] {
                let width = 0.2 / Double(step + 2).squareRoot()
                let value = base + 0.02 * Double(step % 3)
                var estimate = AccuracyEstimateRecord(
                    groupKey: group, model: Self.model, number: 1, estimate: value, low: max(0, value - width),
                    high: min(1, value + width), labels: 20 + 16 * step, promised: 0.75,
                    at: ago(minutes: Double(480 - 60 * step)))
                try estimate.insert(database)
            }
        }
        try alerts(database)
    }

    private func drift(_ database: Database, _ releases: [Digest]) throws {
        var generator = SeededGenerator(seed: 3)
        let features = Self.channels.map(\.name) + ["predictions"]
        let thresholds = [1.9, 0.6, 0.9, 0.45, 0.4, 0.5, 2.1]
        for (index, device) in Self.deviceIDs.enumerated() {
            let release = releases[Self.hasSecond(index) ? 1 : 0]
            for hour in 0..<24 {
                for (feature, threshold) in zip(features, thresholds) {
                    let level = Self.isLeft(device) ? (feature == "ax" ? 1.9 : feature == "wx" ? 1.2 : 0.7) : 0.35
                    let onset = Self.isLeft(device) ? min(1, Double(hour + 4) / 14) : 1
                    let ratio = level * onset + Double.random(in: -0.08...0.08, using: &generator)
                    try DriftPointRecord(
                        device: device, slot: .main, release: release, feature: feature,
                        at: ago(minutes: Double(23 - hour) * 60 + 3), psi: max(0, ratio) * threshold,
                        threshold: threshold, inferences: Int64(120 * (hour + 1))
                    ).insert(database)
                }
            }
        }
    }

    private func alerts(_ database: Database) throws {
        for device in Self.deviceIDs where Self.isLeft(device) {
            var alert = AlertRecord(
                fingerprint: "drift:\(device)", kind: .drift, severity: .warning, subject: device.text,
                title: "Inputs of \(device) have drifted",
                reason: "ax is at 1.9 times its threshold (PSI 3.61, threshold 1.90) over 2,880 inferences.",
                action: "Annotate samples of this device; if accuracy is below its promise, retrain with them.",
                occurrences: 6, openedAt: ago(minutes: 540), updatedAt: ago(minutes: 3))
            try alert.insert(database)
        }
        var accuracy = AlertRecord(
            fingerprint: "accuracy:side=L", kind: .accuracy, severity: .critical, subject: "side=L",
            title: "Accuracy of side=L is below its promise",
            reason: "Estimated 46.0 % (95 % between 39.3 % and 52.7 %, 132 labels); shoulder:1 promised 75.0 %.",
            action: "Retrain with annotated samples of this group and roll the new version out.",
            openedAt: ago(minutes: 60), updatedAt: ago(minutes: 60))
        try accuracy.insert(database)
        var closed = AlertRecord(
            fingerprint: "rollout:1", kind: .rollout, severity: .info, subject: "1", title: "Rollout #1 was paused",
            reason: "Wave canary had 1 failed device of 4, allowed are 10 %.",
            action: "Look at the device, then resume or roll back.", openedAt: ago(minutes: 2325),
            updatedAt: ago(minutes: 2320), closedAt: ago(minutes: 2320), acknowledgedAt: ago(minutes: 2321),
            acknowledgedBy: "ops")
        try closed.insert(database)
    }
}
