import FleetModel

/// The Open Inference Protocol v2 (KServe's predict protocol) of one device, and a few questions of its own under
/// `/martlet/v1`. Turns a request into an answer; sockets are `LocalServer`'s.
struct InferenceAPI {
    unowned let host: DeviceHost

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        let path = request.path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        switch (request.method, path.first) {
        case (_, "v2"): return protocolAnswer(request, Array(path.dropFirst()))
        case (_, "martlet") where path.dropFirst().first == "v1":
            return DeviceAPI(host: host).answer(request, Array(path.dropFirst(2)))
        default: return .failure(404, "no such resource: \(request.path)")
        }
    }

    // MARK: Routes

    private func protocolAnswer(_ request: HTTPRequest, _ path: [String]) -> HTTPResponse {
        switch path.first {
        case nil: return request.reading { serverMetadata }
        case "health" where path == ["health", "live"]: return request.reading { HTTPResponse(status: 200) }
        case "health" where path == ["health", "ready"]:
            return request.reading { host.isReady ? HTTPResponse(status: 200) : .failure(400, "no model serves yet") }
        case "repository" where path == ["repository", "index"]: return request.writing { index }
        case "models": return modelAnswer(request, Array(path.dropFirst()))
        default: return .failure(404, "no such resource: \(request.path)")
        }
    }

    /// `{model}`, `{model}/ready`, `{model}/infer`, each also below `{model}/versions/{version}`.
    private func modelAnswer(_ request: HTTPRequest, _ path: [String]) -> HTTPResponse {
        guard let name = path.first else { return .failure(404, "no such resource: \(request.path)") }
        var rest = Array(path.dropFirst())
        var version: String?
        if rest.first == "versions", rest.count >= 2 {
            version = rest[1]
            rest.removeFirst(2)
        }
        guard rest.isEmpty || rest == ["ready"] || rest == ["infer"] else {
            return .failure(404, "no such resource: \(request.path)")
        }
        let slot = host.orderedSlots.first { slot in
            guard let serving = slot.serving?.part.version, serving.model.text == name else { return false }
            return version == nil || version == "\(serving.number)"
        }
        guard let slot, let serving = slot.serving else {
            return .failure(404, "model \(name)\(version.map { ":\($0)" } ?? "") does not serve here")
        }
        switch rest.first {
        case "ready": return request.reading { HTTPResponse(status: 200) }
        case "infer": return request.writing { infer(request, slot, serving.part) }
        default: return request.reading { Self.metadata(of: serving.part) }
        }
    }

    // MARK: Metadata

    private var serverMetadata: HTTPResponse {
        .json(
            .object([
                "name": .string("martlet-agent"), "version": .string(AgentVersion.current),
                "extensions": .array([.string("binary_tensor_data")]),
            ]))
    }

    private var index: HTTPResponse {
        .json(
            .array(
                host.orderedSlots.compactMap { slot in
                    slot.serving.map { serving in
                        .object([
                            "name": .string(serving.part.version.model.text),
                            "version": .string("\(serving.part.version.number)"), "state": .string("READY"),
                            "reason": .string(""),
                        ])
                    }
                }))
    }

    private static func metadata(of part: ReleasePart) -> HTTPResponse {
        func tensor(_ name: String, _ type: String, _ shape: [Int]) -> JSON {
            .object([
                "name": .string(name), "datatype": .string(type), "shape": .array(shape.map { .number(Double($0)) }),
            ])
        }
        return .json(
            .object([
                "name": .string(part.version.model.text), "versions": .array([.string("\(part.version.number)")]),
                "platform": .string("martlet_image"),
                "inputs": .array([tensor(InferenceRequest.inputName, "FP32", [-1, part.input.steps, part.input.width])]
                ),
                "outputs": .array([
                    tensor(InferenceRequest.scoresName, "FP32", [-1, part.classes.count]),
                    tensor(InferenceRequest.className, "BYTES", [-1]),
                ]),
                "parameters": .object(["classes": .array(part.classes.map { .string($0) })]),
            ]))
    }

    // MARK: Inference

    private func infer(_ request: HTTPRequest, _ slot: SlotHost, _ part: ReleasePart) -> HTTPResponse {
        do throws(HTTPError) {
            let length = try Self.headerLength(of: request)
            let wanted = try InferenceRequest(request.body, headerLength: length, input: part.input)
            let answers = try answer(wanted.frames, wanted.tag, slot)
            return InferenceAnswer(request: wanted, part: part, answers: answers).response
        } catch {
            return .failure(error.status, error.text)
        }
    }

    private func answer(_ frames: [[Float]], _ tag: String, _ slot: SlotHost) throws(HTTPError) -> [Inference] {
        do throws(DeviceError) { return try host.infer(slot: slot.name, frames: frames, tag: tag) } catch {
            switch error.code {
            case .badFrame: throw HTTPError(status: 400, text: error.context)
            case .notReady: throw HTTPError(status: 503, text: error.context)
            default: throw HTTPError(status: 500, text: error.context)
            }
        }
    }

    private static func headerLength(of request: HTTPRequest) throws(HTTPError) -> Int? {
        guard let text = request.header("inference-header-content-length") else { return nil }
        guard let length = Int(text) else {
            throw HTTPError(status: 400, text: "Inference-Header-Content-Length is not a number")
        }
        return length
    }
}

/// The answer to an inference request, in JSON or with bytes behind it, as was asked.
struct InferenceAnswer {
    let request: InferenceRequest
    let part: ReleasePart
    /// One per frame.
    let answers: [Inference]

    var response: HTTPResponse {
        var binary: [UInt8] = []
        let outputs = request.outputs.map { output($0.name, isBinary: $0.isBinary, &binary) }
        let json = JSON.object([
            "model_name": .string(part.version.model.text), "model_version": .string("\(part.version.number)"),
            "id": request.id.map { .string($0) }, "parameters": parameters, "outputs": .array(outputs),
        ]).encoded
        var response = HTTPResponse(status: 200, body: json)
        if !binary.isEmpty {
            response.extra = ["Inference-Header-Content-Length: \(json.count)"]
            response.contentType = "application/octet-stream"
            response.body += binary
        }
        return response
    }

    /// What traces the answer: of several frames the last one's class.
    private var parameters: JSON? {
        answers.last.map { answer in
            .object([
                "release": .string(answer.release.hex), "image": .string(answer.image.hex),
                "version": .string("\(answer.version)"), "class": .string(answer.className),
                "class_index": .number(Double(answer.classIndex)), "latency_us": .number(Double(answer.latency)),
            ])
        }
    }

    private func output(_ name: String, isBinary: Bool, _ binary: inout [UInt8]) -> JSON {
        let isScores = name == InferenceRequest.scoresName
        let shape = isScores ? [answers.count, part.classes.count] : [answers.count]
        let scores = answers.flatMap(\.scores)
        let classes = answers.map(\.className)
        var size: Int?
        if isBinary {
            let bytes = isScores ? TensorValues.bytes(of: scores) : TensorValues.bytes(of: classes)
            size = bytes.count
            binary += bytes
        }
        let data: JSON = .array(isScores ? scores.map(JSON.number(of:)) : classes.map { .string($0) })
        return .object([
            "name": .string(name), "datatype": .string(isScores ? "FP32" : "BYTES"),
            "shape": .array(shape.map { .number(Double($0)) }),
            "parameters": size.map { .object(["binary_data_size": .number(Double($0))]) },
            "data": isBinary ? nil : data,
        ])
    }
}

extension JSON {
    /// A float with its own shortest digits, not those of the double that it becomes.
    static func number(of value: Float) -> JSON { .number(Double("\(value)") ?? Double(value)) }
}
