import FleetClient
import FleetModel
import Foundation
import FrameSource
import VirtualFleet

extension Story {
    /// Inferences with each version that a judged device must have made, or all its recorded frames if they are fewer.
    private static let judgedFrames = 250

    /// Act 8: devices go on with version 2 until there is enough to judge; then everything is counted.
    func judgeAll(_ controller: Controller, _ receiver: WebhookReceiver) async throws {
        let judged = devices
        let needed = Dictionary(grouping: frames, by: \.device).mapValues { min(Self.judgedFrames, $0.count) }
        let total = needed.values.reduce(0, +)
        var predictions = PredictionReader(folder: predictionFolder)
        var counts: [String: Int] = [:]
        try await wait(for: "inferences with version 2", seconds: 120) {
            for entry in try predictions.readOn() where entry.version == 2 {
                counts[entry.device, default: 0] += 1
            }
            let done = judged.reduce(0) { $0 + min(counts[$1.text] ?? 0, needed[$1] ?? 0) }
            progress.count("inferences with version 2", done, of: total)
            return done == total
        }
        summary.seconds.loop = (ContinuousClock.now - loopStart).seconds
        if !options.keep { stopDevices() }
        try await count(controller, receiver)
        try predictions.readOn()
        let entries = predictions.entries
        let expect = loop.expectations
        if let drifted = expect.judgedDrifted, let steady = expect.judgedSteady {
            summary.accuracy.leftV1 = judge.tally(entries, version: 1, selector: drifted).accuracy
            summary.accuracy.leftV2 = judge.tally(entries, version: 2, selector: drifted).accuracy
            summary.accuracy.rightV1 = judge.tally(entries, version: 1, selector: steady).accuracy
            summary.accuracy.rightV2 = judge.tally(entries, version: 2, selector: steady).accuracy
        }
        try closeLedger(controller)
        summary.seconds.build = options.buildSeconds
        summary.seconds.total = progress.seconds
        try Data(summary.json.text(pretty: true).utf8).write(to: URL(fileURLWithPath: "\(options.folder)/summary.json"))
        progress.say("the end: \(options.folder)/summary.json")
        for line in summary.table(for: loop) { progress.note(line) }
    }

    private func count(_ controller: Controller, _ receiver: WebhookReceiver) async throws {
        let numbers = try await controller.admin.get("/api/v1/summary")
        summary.samplesReceived = numbers["samples_received"].integer ?? 0
        summary.reportsReceived = numbers["reports_received"].integer ?? 0
        summary.duplicates = numbers["duplicates"].integer ?? 0
        summary.bytesPublished = numbers["bytes_published"].integer ?? 0
        summary.bytesPerDevice = summary.bytesPublished / max(devices.count, 1)
        summary.webhooks = receiver.count
        let alerted = try await alertedDevices(controller)
        func alerts(_ selector: Selector?) -> Int {
            guard let selector else { return 0 }
            return devices.filter { selector.matches($0, tags: tags($0)) && alerted.contains($0.text) }.count
        }
        summary.alertsLeft = alerts(loop.expectations.drifted)
        summary.alertsRight = alerts(loop.expectations.steady)
        summary.driftedDevices =
            devices.filter { loop.expectations.drifted?.matches($0, tags: tags($0)) ?? false }.count
    }

    /// Ends the devices but not the controller, so that their last words are stored.
    private func stopDevices() {
        for child in children.reversed() { child.stop() }
        children.removeAll()
    }

    private func closeLedger(_ controller: Controller) throws {
        var ledger = Ledger()
        ledger.read(log: "\(logFolder)/fleet.log", device: nil)
        for agent in loop.agents { ledger.read(log: "\(logFolder)/agent-\(agent).log", device: agent.text) }
        summary.ledgerProblems = try ledger.problems(databaseFolder: controller.folder)
        let heldOut = devices.filter { loop.holdOut?.matches($0, tags: tags($0)) ?? false }.map(\.text)
        let leaked = try Ledger.samples(of: heldOut, databaseFolder: controller.folder)
        if leaked > 0 { summary.ledgerProblems.append("\(leaked) samples came from devices that are held out") }
        if ledger.count("report") == 0 {
            summary.ledgerProblems.append("no device was told that a report is committed")
        }
        if ledger.count("sample") == 0 {
            summary.ledgerProblems.append("no device was told that a sample is committed")
        }
        guard summary.ledgerProblems.isEmpty else { return }
        progress.say(
            "every one of \(ledger.count("report")) reports and \(ledger.count("sample")) samples that devices were told "
                + "are committed is in the database exactly once")
    }

    /// Leaves everything running until Ctrl-C.
    func stay(_ controller: Controller) async throws {
        Interruption.shared.storyIsOver()
        progress.say("everything keeps running; Ctrl-C ends it")
        progress.note("console   \(controller.url)")
        progress.note("login     \(controller.adminToken)")
        progress.note(
            "command   MARTLET_URL=\(controller.url) MARTLET_TOKEN_FILE=\(controller.folder)/admin.token "
                + "\(options.binaries)/martlet device list")
        while !Task.isCancelled {
            for child in children { try child.check() }
            try await Task.sleep(for: .seconds(1))
        }
    }
}
