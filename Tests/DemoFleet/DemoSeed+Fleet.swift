import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Sketches

extension DemoSeed {
    static let deviceIDs: [DeviceID] = (1...10).flatMap { subject in
        ["R", "L"].map { DeviceID(unchecked: "s\(subject)\($0)") }
    }

    static func isLeft(_ device: DeviceID) -> Bool { device.text.hasSuffix("L") }

    /// Devices that the running rollout has reached with version 2.
    static func hasSecond(_ index: Int) -> Bool { index < 9 }

    func devices(_ database: Database, _ releases: [Digest]) throws {
        try StationRecord(id: StationID(unchecked: "gym"), createdAt: ago(minutes: 9000)).insert(database)
        for (index, id) in Self.deviceIDs.enumerated() {
            let isOffline = index == 13 || index == 16
            try DeviceRecord(
                id: id, station: StationID(unchecked: "gym"), hardware: "x86_64-generic",
                signingKey: Data(repeating: UInt8(index), count: 32), certificateSerial: "4f\(index)a2",
                createdAt: ago(minutes: 8000), online: !isOffline, boot: "b\(index)", session: 3,
                lastSeen: ago(minutes: isOffline ? 190 : Double(index) / 8), agentVersion: "1.0.0",
                runtimeVersion: "1.0.0", instructionSet: index.isMultiple(of: 3) ? "avx512" : "avx2",
                capabilities: ["zstd"], generation: 4, observedGeneration: isOffline ? 3 : 4, publishedGeneration: 4
            ).insert(database)
            let tags = [
                "subject": String(id.text.dropFirst().dropLast()), "side": Self.isLeft(id) ? "L" : "R",
            ]
            for (key, value) in tags { try DeviceTagRecord(device: id, key: key, value: value).insert(database) }
            try slot(database, id, index, releases)
            try log(database, id, isOffline: isOffline)
        }
    }

    /// Every device was cut off once, by a broker that must not be trusted with what it says.
    private func log(_ database: Database, _ id: DeviceID, isOffline: Bool) throws {
        let lines = [
            LogLine(time: ago(minutes: 190), severity: .notice, saying: "disconnected: <script>alert(1)</script>"),
            LogLine(
                time: ago(minutes: 189), severity: .problem, count: 12,
                saying: "cannot reach the broker: no route to host"),
        ]
        guard !isOffline else { return }
        try DeviceLog(boot: "b", sequence: 1, dropped: 3, lines: lines).store(
            database, of: id, at: ago(minutes: 180))
    }

    private func slot(_ database: Database, _ id: DeviceID, _ index: Int, _ releases: [Digest]) throws {
        let isDone = Self.hasSecond(index)
        let phases: [InstallPhase] = [.fetching, .proving, .fetching, .probation, .committed]
        let isFailed = index == 12
        let phase: InstallPhase = isDone ? .committed : isFailed ? .failed : index < 14 ? phases[index % 4] : .committed
        try DeviceSlotRecord(
            device: id, slot: .main, desiredRelease: isDone || index < 14 ? releases[1] : releases[0],
            rollout: isDone || index < 14 ? 2 : 1, phase: phase, target: releases[1],
            progress: phase == .fetching ? Double(index) / 20 : 1, failure: isFailed ? .proofFailed : nil,
            detail: isFailed ? "golden frame 0 differs by 0.031, tolerance is 0.0001" : "",
            champion: isDone ? releases[1] : releases[0], previous: isDone ? releases[0] : nil,
            reportedAt: ago(minutes: 1)
        ).insert(database)
        for (number, minutes) in [(1, 2300.0), (2, 30)] where number == 1 || isDone {
            try ReceiptRecord(
                device: id, slot: .main, release: releases[number - 1],
                committedAt: ago(minutes: minutes + Double(index)),
                image: Self.digest("image\(number)"), model: Self.model, number: number, counter: Int64(number),
                goldenError: 1.2e-7 * Double(index + 1), latency: 240 + 11 * index, instructionSet: "avx2",
                runtimeVersion: "1.0.0", message: Data([0]), receivedAt: ago(minutes: minutes)
            ).insert(database)
        }
    }

    /// A finished rollout of version 1 and a running one of version 2; the running one's id comes back.
    func rollouts(_ database: Database, _ releases: [Digest]) throws -> Int64 {
        var running: Int64 = 0
        for number in 1...2 {
            let isDone = number == 1
            var rollout = RolloutRecord(
                release: ReleaseName(unchecked: "shoulder-\(number)"), selector: .all,
                state: isDone ? .completed : .running,
                wave: 1, trainingRun: isDone ? nil : 2, createdAt: ago(minutes: isDone ? 2340 : 45),
                createdBy: isDone ? "ops" : "martlet", startedAt: ago(minutes: isDone ? 2330 : 44),
                endedAt: isDone ? ago(minutes: 2296) : nil)
            try rollout.insert(database)
            running = rollout.id ?? 0
            for (ordinal, wave) in [("canary", 0.2), ("all", 1.0)].enumerated() {
                try RolloutWaveRecord(
                    rollout: running, ordinal: ordinal, name: wave.0, cumulativeShare: wave.1, selector: .all,
                    minimumReceipts: 1, maximumFailures: 0.1, soak: .seconds(60), deadline: .minutes(30),
                    startedAt: ago(minutes: 40), endedAt: isDone || ordinal == 0 ? ago(minutes: 38) : nil
                ).insert(database)
            }
            for (index, device) in Self.deviceIDs.enumerated() {
                let state: RolloutDeviceState =
                    isDone || Self.hasSecond(index)
                    ? .succeeded : index == 12 ? .failed : index < 14 ? .offered : .pending
                try RolloutDeviceRecord(
                    rollout: running, device: device, wave: index < 4 ? 0 : 1, state: state,
                    returnTo: isDone ? nil : releases[0], offeredAt: state == .pending ? nil : ago(minutes: 38),
                    endedAt: state == .succeeded || state == .failed ? ago(minutes: 30) : nil,
                    failure: state == .failed ? .proofFailed : nil,
                    detail: state == .failed ? "golden frame 0 differs by 0.031, tolerance is 0.0001" : ""
                ).insert(database)
            }
        }
        return running
    }

    func telemetry(_ database: Database, _ releases: [Digest]) throws {
        var generator = SeededGenerator(seed: 5)
        for (index, device) in Self.deviceIDs.enumerated() {
            for sequence in 1...24 {
                let end = ago(minutes: Double(24 - sequence) * 60 + 2)
                var latency = LatencyHistogram()
                for _ in 0..<60 { latency.add(microseconds: Int.random(in: 180...420, using: &generator)) }
                let number = Self.hasSecond(index) && sequence > 22 ? 2 : 1
                let confidence =
                    (Self.isLeft(device) && number == 1 ? 0.55 : 0.88)
                    + Double.random(in: -0.03...0.03, using: &generator)
                let inferences = UInt64(Int.random(in: 110...180, using: &generator))
                let report = Report(
                    boot: "b\(index)", sequence: UInt64(sequence), slot: .main, release: releases[number - 1],
                    image: Self.digest("image\(number)"), version: VersionID(model: Self.model, number: number),
                    start: ago(minutes: Double(25 - sequence) * 60 + 2), end: end, inferences: inferences, errors: 0,
                    uncertain: UInt64(Double(inferences) * (1 - confidence) / 2),
                    features: Self.channels.map { _ in BinCounts(bins: [UInt64](repeating: 80, count: 10)) },
                    predictions: Self.classes.map { _ in 20 },
                    confidence: Moments(count: inferences, mean: confidence, squares: 2, minimum: 0.2, maximum: 1),
                    margin: Moments(count: inferences, mean: 0.5, squares: 2, minimum: 0, maximum: 1), latency: latency,
                    samplesOffered: inferences, samplesChosen: 6, samplesDropped: 0, reportsDropped: 0)
                try ReportRecord(
                    device: device, boot: report.boot, sequence: Int64(sequence), slot: .main, release: report.release,
                    image: report.image, model: Self.model, number: number, startedAt: report.start, endedAt: end,
                    inferences: Int64(inferences), errors: 0, uncertain: Int64(report.uncertain),
                    confidenceMean: confidence, samplesOffered: Int64(inferences), samplesChosen: 6, samplesDropped: 0,
                    reportsDropped: 0, payload: Data(report.encoded()), receivedAt: end
                ).insert(database)
            }
        }
    }
}
