import AsyncHTTPClient
import FleetClient
import FleetModel
import Foundation
import FrameSource
import VirtualFleet

extension Story {
    /// Act 1: the controller with its private broker, and the people who use it.
    func startController(_ http: HTTPClient) async throws -> Controller {
        let folder = "\(options.folder)/controller"
        // 0: a free port, which it tells.
        let port = try await launchController(folder: folder, port: 0, http)
        let url = "http://127.0.0.1:\(port)"
        let token = try String(contentsOfFile: "\(folder)/admin.token", encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let tools = Tools(binaries: options.binaries, url: url, logs: logFolder)
        func person(_ name: String, _ role: String) async throws -> String {
            let answer = try await tools.martlet(["token", "create", name, "--role", role], token: token)
            guard let secret = answer["token"].string else {
                throw DemoError.cannot("make a token for \(name)", try answer.text())
            }
            return secret
        }
        let annotator = try await person("annotator", "annotator")
        let controller = Controller(
            url: url, admin: FleetClient(url: url, token: token, http: http),
            annotator: FleetClient(url: url, token: annotator, http: http), tools: tools, adminToken: token,
            operatorToken: try await person("ops", "operator"), approverToken: try await person("lead", "approver"),
            folder: folder, port: port, http: http)
        progress.say("controller and private broker (mutual TLS) are up: \(url)")
        return controller
    }

    /// - Returns: the port that the controller listens on.
    @discardableResult
    private func launchController(folder: String, port: Int, _ http: HTTPClient) async throws -> Int {
        let child = try ChildProcess(
            "martlet serve", "\(options.binaries)/martlet",
            [
                "serve", "--data", folder, "--broker", "embedded", "--http-port", "\(port)", "--init-keys", "ops,lead",
                "--group-by", loop.groupBy, "--report-interval", "\(loop.reportSeconds)",
            ], log: "\(logFolder)/controller-\(starts).log")
        server = child
        starts += 1
        var told: Int?
        try await wait(for: "the controller", seconds: 60) {
            told = Self.port(toldIn: child.logFile)
            guard let told else { return false }
            let open = FleetClient(url: "http://127.0.0.1:\(told)", token: nil, http: http)
            return (try? await open.get("/healthz")) != nil
        }
        return told ?? port
    }

    /// Reads the line `console and API at http://127.0.0.1:8480`.
    private static func port(toldIn log: String) -> Int? {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return text.firstMatch(of: #/console and API at \S+:(\d+)\n/#).flatMap { Int($0.output.1) }
    }

    /// What a power cut does to the controller: no warning, no cleaning up.
    func crashController(_ controller: Controller) async throws {
        server?.kill()
        try await launchController(folder: controller.folder, port: controller.port, controller.http)
        progress.say("the controller was killed (SIGKILL) in the middle of the rollout and has started again")
    }

    /// Act 2: policies, the dataset, and version 1 by the built-in trainer.
    func firstVersion(_ controller: Controller, _ receiver: WebhookReceiver) async throws {
        try await setPolicies(controller)
        try await wait(for: "the receiver of webhooks", seconds: 10) { receiver.url != nil }
        try await controller.admin.post(
            "/api/v1/webhooks", ["url": .string(receiver.url ?? ""), "kinds": ["drift", "accuracy"]])
        let dataset = loop.stream.name
        try await controller.tools.martlet(
            [
                "dataset", "import", dataset, "--config", options.configFile, "--selector", loop.train.description,
            ], token: controller.operatorToken)
        let cut = try await controller.tools.martlet(["dataset", "cut", dataset], token: controller.operatorToken)
        progress.say("dataset \(dataset):1 has \(cut["items"].cell) labelled frames of \(loop.train)")

        let started = ContinuousClock.now
        try await controller.admin.post(
            "/api/v1/models", ["name": .string(loop.model.text), "description": .string("made by martlet-demo")])
        let run = try await controller.admin.post(
            "/api/v1/training-runs",
            [
                "model": .string(loop.model.text), "dataset": .string(dataset), "datasetVersion": 1,
                "trainer": "builtin", "parameters": trainerParameters,
            ])
        let finished = try await finishTraining(controller, run: run["id"].cell)
        summary.seconds.train = (ContinuousClock.now - started).seconds
        progress.say(
            "version 1 trained in \(Summary.text(summary.seconds.train)) s (\(loop.architecture)): "
                + "held-back accuracy \(Summary.text(finished["metrics"]["heldBackAccuracy"].number)), "
                + "promised on unseen devices \(Summary.text(finished["metrics"]["promisedAccuracy"].number))")
    }

    private func setPolicies(_ controller: Controller) async throws {
        let sampling = loop.sampling
        // Policies apply in the order of their names: the hold-out comes after the rule for all.
        try await controller.admin.put(
            "/api/v1/policies/10-sampling",
            [
                "kind": "sampling", "selector": "*", "enabled": true, "floor": .number(Double(sampling.floor)),
                "slope": .number(Double(sampling.slope)), "bytesPerDay": .number(Double(sampling.bytesPerDay)),
                "burstBytes": .number(Double(sampling.burstBytes)),
            ])
        if let holdOut = loop.holdOut {
            try await controller.admin.put(
                "/api/v1/policies/20-hold-out",
                ["kind": "sampling", "selector": .string(holdOut.description), "enabled": false])
        }
        var triggers: [String: JSONValue] = ["annotations": ["count": .number(Double(loop.annotationCount))]]
        if loop.driftDevices > 0 { triggers["drift"] = ["devices": .number(Double(loop.driftDevices))] }
        try await controller.admin.put(
            "/api/v1/policies/retrain",
            [
                "kind": "retrain", "model": .string(loop.model.text), "enabled": true, "require": "all",
                "triggers": .object(triggers), "cooldownSeconds": 5, "trainer": "builtin",
                "parameters": trainerParameters,
                "gates": ["maximumRegression": 0.05, "minimumImprovement": 0],
                "rollout": ["selector": "*", "waves": waves(loop.nextWaves)],
            ])
    }

    var trainerParameters: JSONValue {
        var parameters: [String: JSONValue] = [
            "architecture": .string(loop.architecture)
        ]
        for (key, value) in loop.trainerParameters {
            parameters[key] =
                Double(value).map(JSONValue.number)
                ?? (["true", "false"].contains(value) ? .bool(value == "true") : .string(value))
        }
        return .object(parameters)
    }

    func waves(_ shares: [LoopDescription.WaveShare]) -> JSONValue {
        .array(
            shares.map {
                [
                    "name": .string($0.name), "share": .number($0.share), "minimumReceipts": 1, "maximumFailures": 0,
                    "soakSeconds": 0, "deadlineSeconds": 120,
                ]
            })
    }

    /// Waits for a training run and returns it.
    func finishTraining(_ controller: Controller, run id: String) async throws -> JSONValue {
        var run = JSONValue.null
        try await wait(for: "training run \(id)", seconds: 120) {
            run = try await controller.admin.get("/api/v1/training-runs/\(id)")
            progress.count("training", Int((run["progress"].number ?? 0) * 100), of: 100)
            return ["succeeded", "failed", "rejected", "cancelled"].contains(run["state"].string)
        }
        guard run["state"].string == "succeeded" else {
            let text = try run.text()
            throw DemoError.cannot("train", run["failure"].string ?? text)
        }
        return run
    }

    /// Act 3: identities for all devices; most live in one process, the agents in their own.
    func startFleet(_ controller: Controller, _ http: HTTPClient) async throws -> [Feeder] {
        let tags = Dictionary(frames.map { ($0.device, $0.tags) }, uniquingKeysWith: { first, _ in first })
        for (number, device) in devices.enumerated() {
            let kind = loop.agents.contains(device) ? "agents" : "fleet"
            var arguments = ["device", "provision", device.text, "--out", "\(options.folder)/\(kind)/\(device)"]
            for (key, value) in (tags[device] ?? [:]).sorted(by: { $0.key < $1.key }) {
                arguments += ["--tag", "\(key)=\(value)"]
            }
            try await controller.tools.martlet(arguments, token: controller.operatorToken)
            progress.count("devices enrolled", number + 1, of: devices.count)
        }
        children.append(
            try ChildProcess(
                "martlet-fleet", "\(options.binaries)/martlet-fleet",
                [
                    "live", "--config", options.configFile, "--devices", "\(options.folder)/fleet", "--predictions",
                    predictionFolder, "--seed", "\(options.seed)",
                ], log: "\(logFolder)/fleet.log"))
        let feeders = try loop.agents.map { device in
            let folder = "\(options.folder)/agents/\(device)"
            let socket = "\(folder)/api.sock"
            children.append(
                try ChildProcess(
                    "martlet-agent \(device)", "\(options.binaries)/martlet-agent",
                    ["--config", "\(folder)/device.conf", "--socket", socket], log: "\(logFolder)/agent-\(device).log"))
            return Feeder(
                device: device.text, model: loop.model.text, socket: socket,
                frames: frames.filter { $0.device == device }, framesPerSecond: loop.framesPerSecond,
                seed: options.seed, logFile: "\(predictionFolder)/agent-\(device).csv", http: http)
        }
        summary.devices = devices.count
        progress.say(
            "\(devices.count - feeders.count) devices in martlet-fleet and \(feeders.count) martlet-agent processes started"
        )
        return feeders
    }
}
