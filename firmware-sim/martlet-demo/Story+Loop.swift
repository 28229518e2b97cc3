import FleetClient
import FleetModel
import Foundation
import FrameSource
import VirtualFleet

extension Story {
    /// Act 4: release 1, signed by two people, in waves.
    func firstRollout(_ controller: Controller) async throws {
        let started = ContinuousClock.now
        let release = try await controller.tools.martlet(
            ["release", "create", "\(loop.model):1", "--key", controller.operatorKey], token: controller.operatorToken)
        let name = release["name"].cell
        try await controller.tools.martlet(
            ["release", "approve", name, "--key", controller.approverKey], token: controller.approverToken)
        progress.say("release \(name) is signed by ops and approved by lead")
        let rollout = try await controller.admin.post(
            "/api/v1/rollouts", ["release": .string(name), "selector": "*", "waves": waves(loop.firstWaves)])
        try await controller.admin.post("/api/v1/rollouts/\(rollout["id"].cell)/start")
        summary.receiptsV1 = try await follow(controller, rollout: rollout["id"].cell)
        summary.seconds.pushV1 = (ContinuousClock.now - started).seconds
        progress.say(
            "all \(summary.receiptsV1) devices proved and run \(name); "
                + "\(Summary.text(summary.seconds.pushV1)) s for \(loop.firstWaves.count) waves")
        loopStart = .now
    }

    /// Waits for a rollout's end and returns its receipts.
    func follow(_ controller: Controller, rollout id: String) async throws -> Int {
        var state = JSONValue.null
        var mustCrash = options.crash
        try await wait(for: "rollout \(id)", seconds: 150) {
            state = try await controller.admin.get("/api/v1/rollouts/\(id)")
            if mustCrash, (state["succeeded"].integer ?? 0) > 0 {
                mustCrash = false
                try await crashController(controller)
            }
            progress.count(
                "receipts", state["succeeded"].integer ?? 0, of: state["devices"].integer ?? 0)
            if state["state"].string == "paused" {
                throw DemoError.cannot("roll out", state["reason"].string ?? "it paused")
            }
            return ["completed", "aborted", "rolledBack"].contains(state["state"].string)
        }
        return state["succeeded"].integer ?? 0
    }

    /// Act 5: devices infer; drift shows.
    func watch(_ controller: Controller, _ receiver: WebhookReceiver) async throws {
        guard let drifted = loop.expectations.drifted else { return }
        let moved = Set(devices.filter { drifted.matches($0, tags: tags($0)) }.map(\.text))
        try await wait(for: "drift alerts", seconds: 60) {
            let alerted = try await alertedDevices(controller)
            progress.count("devices with drift alerts", alerted.intersection(moved).count, of: moved.count)
            return alerted.isSuperset(of: moved)
        }
        let steady = try await alertedDevices(controller).subtracting(moved)
        progress.say(
            "\(moved.count) of \(moved.count) devices of \(drifted) alert for drift, \(steady.count) others do")
        if let alert = try await controller.admin.all("/api/v1/alerts", query: [("kind", "drift")]).first {
            progress.note("for example: \(alert["title"].cell): \(alert["reason"].cell)")
        }
        try await wait(for: "a webhook", seconds: 20) { receiver.count > 0 }
        let first = receiver.first?["alerts"].array.first ?? .null
        progress.say("a webhook arrived: \(first["annotations"]["summary"].string ?? first["labels"].cell)")
    }

    /// Devices that have, or had, a drift alert.
    func alertedDevices(_ controller: Controller) async throws -> Set<String> {
        let alerts = try await controller.admin.all("/api/v1/alerts", query: [("kind", "drift")])
        let known = Set(devices.map(\.text))
        return Set(alerts.compactMap { $0["subject"].string }.filter(known.contains))
    }

    func tags(_ device: DeviceID) -> [String: String] {
        frames.first { $0.device == device }?.tags ?? [:]
    }

    /// Act 6: a stand-in annotator, until the labels run out.
    func learn(_ controller: Controller) async throws {
        progress.say(
            "annotating at most \(loop.annotationLimit) samples: a stand-in annotator that knows the truth "
                + "uses the console's own API")
        var annotator = Annotator(
            api: controller.annotator, judge: judge, classes: loop.stream.classes.map(\.name), quotas: loop.quotas)
        try await wait(for: "annotations", seconds: 90) {
            try await annotator.work()
            progress.count("annotations", annotator.count, of: loop.annotationLimit)
            return annotator.isDone
        }
        summary.labelsUsed = annotator.count
        try await tellEstimates(controller)
    }

    /// The newest estimate of each group, from annotations weighted by the probability that each sample was chosen with.
    private func tellEstimates(_ controller: Controller) async throws {
        let items = try await controller.admin.get("/api/v1/monitoring/accuracy")["items"].array
        let first = items.filter { $0["version"].string == "\(loop.model):1" }
        let newest = Dictionary(grouping: first) { $0["group"].cell }
            .compactMapValues { $0.max { $0["at"].cell < $1["at"].cell } }
        for (group, item) in newest.sorted(by: { $0.key < $1.key }) {
            progress.note(
                "estimated accuracy of \(group == "*" ? "all devices" : group): \(Summary.text(item["estimate"].number)) "
                    + "(95 % interval \(Summary.text(item["low"].number)) to \(Summary.text(item["high"].number)), "
                    + "\(item["labels"].cell) labels; the release promises \(Summary.text(item["promised"].number)))")
        }
        for alert in try await controller.admin.all("/api/v1/alerts", query: [("kind", "accuracy")]).prefix(2) {
            progress.note("alert: \(alert["title"].cell): \(alert["reason"].cell)")
        }
    }

    /// Act 7: the retrain policy has acted by itself; people sign; the candidate goes out.
    func secondRollout(_ controller: Controller) async throws {
        var run = JSONValue.null
        try await wait(for: "the retrain policy", seconds: 60) {
            let runs = try await controller.admin.all("/api/v1/training-runs")
            guard let next = runs.first(where: { $0["policy"].string != nil }) else {
                return false
            }
            run = next
            return true
        }
        progress.say("retraining has started by policy \(run["policy"].cell): \(run["reason"].cell)")
        run = try await finishTraining(controller, run: run["id"].cell)
        for (group, part) in run["metrics"]["comparison"].object.sorted(by: { $0.key < $1.key }) {
            progress.note(
                "held back, \(group == "*" ? "all" : group): candidate \(Summary.text(part["candidate"].number)), "
                    + "champion \(Summary.text(part["champion"].number)) (\(part["rows"].cell) frames)")
        }
        for gate in run["metrics"]["gates"].array { progress.note("gate: \(gate.cell)") }
        let version = run["version"].cell
        var name = ""
        try await wait(for: "the candidate release", seconds: 30) {
            let releases = try await controller.admin.all("/api/v1/releases")
            name =
                releases.first { $0["parts"].array.contains { $0["version"].string == version } }?["name"].string ?? ""
            return !name.isEmpty
        }
        for (token, key) in [
            (controller.operatorToken, controller.operatorKey), (controller.approverToken, controller.approverKey),
        ] {
            try await controller.tools.martlet(["release", "approve", name, "--key", key], token: token)
        }
        progress.say("release \(name) passed its gates; ops and lead have signed it")
        var rollout = ""
        try await wait(for: "the policy's rollout", seconds: 30) {
            let rollouts = try await controller.admin.all("/api/v1/rollouts")
            rollout = rollouts.first { $0["release"].string == name }.map { $0["id"].cell } ?? ""
            return !rollout.isEmpty
        }
        summary.receiptsV2 = try await follow(controller, rollout: rollout)
        progress.say("all \(summary.receiptsV2) devices proved and run \(name): a canary first, then the rest")
    }
}
