import FleetModel

extension ReleasePart {
    private enum Key: UInt64, FieldKey {
        case slot = 1
        case version, image, input, classes, normalisation, thresholds, baseline, golden, agent
        static let message: StaticString = "part"
    }

    var cbor: CBOR {
        if case .agent(let name) = kind {
            return .fields([
                Key.slot: .name(slot), .version: .version(version), .image: image.cbor, .agent: .text(name),
            ])
        }
        return .fields([
            Key.slot: .name(slot), .version: .version(version), .image: image.cbor, .input: input.cbor,
            .classes: .texts(classes), .normalisation: normalisation.cbor, .thresholds: thresholds.cbor,
            .baseline: baseline.cbor, .golden: golden.cbor,
        ])
    }

    /// Beyond its own shape, a part must hold together: everything it says fits its frame and its classes.
    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        let slot: SlotName = try fields.name(.slot)
        // An agent is never taken for a model, nor a model for an agent: kind and slot say the same.
        guard fields.has(.agent) == (slot == .agent) else {
            throw WireError(.outOfRange, "part.agent: an agent fills slot \(SlotName.agent), and nothing else does")
        }
        if fields.has(.agent) {
            self = try Self.agent(fields)
            return
        }
        self.init(
            slot: slot, version: try fields.version(.version),
            image: try fields.value(.image, ImageReference.init(cbor:)),
            input: try fields.value(.input, FrameDescription.init(cbor:)),
            classes: try fields.texts(.classes, limit: WireLimits.classes),
            normalisation: try fields.value(.normalisation, Normalisation.init(cbor:)),
            thresholds: try fields.value(.thresholds, Thresholds.init(cbor:)),
            baseline: try fields.value(.baseline, Baseline.init(cbor:)),
            golden: try fields.value(.golden, GoldenProof.init(cbor:)))
        try checkConsistency()
    }

    private static func agent(_ fields: Fields<Key>) throws(WireError) -> ReleasePart {
        guard !fields.has(.input), !fields.has(.golden) else {
            throw WireError(.outOfRange, "part.agent: an agent has no frames")
        }
        return .agent(
            try fields.version(.version), name: try fields.text(.agent),
            program: try fields.value(.image, ImageReference.init(cbor:)))
    }

    private func checkConsistency() throws(WireError) {
        func require(_ condition: Bool, _ what: StaticString) throws(WireError) {
            guard condition else { throw WireError(.outOfRange, "part.\(what)") }
        }
        let channels = input.channels.count
        try require(
            normalisation.offset.count == channels && normalisation.scale.count == channels,
            "normalisation: one offset and scale for each channel")
        try require(
            baseline.features.allSatisfy { $0.channel < channels },
            "baseline: a feature of a channel that does not exist")
        try require(
            baseline.predictions.counts.count == classes.count, "baseline: one count of predictions for each class")
        try require(
            golden.inputs.allSatisfy { $0.count == input.valueCount }, "golden: inputs must have the frame's size")
    }
}

extension ImageReference {
    private enum Key: UInt64, FieldKey {
        case digest = 1
        case bytes, arenaBytes
        static let message: StaticString = "image"
    }

    var cbor: CBOR {
        .fields([Key.digest: .digest(digest), .bytes: .integer(bytes), .arenaBytes: .integer(arenaBytes)])
    }

    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            digest: try fields.digest(.digest), bytes: try fields.integer(.bytes, in: 1...WireLimits.blobBytes),
            arenaBytes: try fields.integer(.arenaBytes, in: 0...WireLimits.blobBytes))
    }
}

extension FrameDescription {
    private enum Key: UInt64, FieldKey {
        case kind = 1
        case steps, width, channels
        static let message: StaticString = "frame"
    }

    var cbor: CBOR {
        .fields([
            Key.kind: .text(kind.rawValue), .steps: .integer(steps), .width: .integer(width),
            .channels: .array(channels.map { .array([.text($0.name), .text($0.unit)]) }),
        ])
    }

    /// An image has one channel for all its pixels; any other frame one for each value of a row.
    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            kind: try fields.choice(.kind), steps: try fields.integer(.steps, in: 1...WireLimits.frameValues),
            width: try fields.integer(.width, in: 1...WireLimits.frameValues),
            channels: try fields.list(.channels, limit: WireLimits.channels) { item throws(WireError) in
                let items = try item.asTuple(2)
                return Channel(
                    name: try items[0].asText(limit: WireLimits.textBytes),
                    unit: try items[1].asText(limit: WireLimits.textBytes))
            })
        guard steps * width <= WireLimits.frameValues else {
            throw WireError(.tooLarge, "frame: \(steps) × \(width) values")
        }
        guard channels.count == (kind == .image ? 1 : width) else {
            throw WireError(.outOfRange, "frame.channels: \(channels.count) for a width of \(width)")
        }
    }
}

extension Normalisation {
    private enum Key: UInt64, FieldKey {
        case offset = 1
        case scale
        static let message: StaticString = "normalisation"
    }

    var cbor: CBOR { .fields([Key.offset: .floats(offset), .scale: .floats(scale)]) }

    /// Scales divide: zero and values that are not finite are refused.
    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            offset: try fields.floats(.offset, limit: WireLimits.channels),
            scale: try fields.floats(.scale, limit: WireLimits.channels))
        guard offset.allSatisfy(\.isFinite), scale.allSatisfy({ $0.isFinite && $0 != 0 }) else {
            throw WireError(.outOfRange, "normalisation: not finite, or a scale of zero")
        }
    }
}

extension Thresholds {
    private enum Key: UInt64, FieldKey {
        case derivedFrom = 1
        case promisedAccuracy, minimumConfidence
        static let message: StaticString = "thresholds"
    }

    var cbor: CBOR {
        .fields([
            Key.derivedFrom: .version(derivedFrom), .promisedAccuracy: .float(promisedAccuracy),
            .minimumConfidence: .float(minimumConfidence),
        ])
    }

    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            derivedFrom: try fields.version(.derivedFrom), promisedAccuracy: try fields.share(.promisedAccuracy),
            minimumConfidence: try fields.share(.minimumConfidence))
    }
}

extension GoldenProof {
    private enum Key: UInt64, FieldKey {
        case inputs = 1
        case outputs, tolerance, latencyLimit
        static let message: StaticString = "golden"
    }

    var cbor: CBOR {
        .fields([
            Key.inputs: .array(inputs.map(CBOR.floats)), .outputs: .array(outputs.map(CBOR.floats)),
            .tolerance: .float(tolerance), .latencyLimit: .integer(latencyLimit),
        ])
    }

    /// As many outputs as inputs, and a tolerance that a difference can be compared with.
    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        func vectors(_ key: Key, _ limit: Int) throws(WireError) -> [[Float]] {
            try fields.list(key, limit: WireLimits.goldenVectors) { item throws(WireError) in
                try item.asFloats(limit: limit)
            }
        }
        self.init(
            inputs: try vectors(.inputs, WireLimits.frameValues),
            outputs: try vectors(.outputs, WireLimits.frameValues),
            tolerance: try fields.float(.tolerance),
            latencyLimit: try fields.integer(.latencyLimit, in: 0...Int(WireLimits.integer)))
        guard inputs.count == outputs.count, tolerance.isFinite, tolerance >= 0 else {
            throw WireError(.outOfRange, "golden: \(inputs.count) inputs, \(outputs.count) outputs, ±\(tolerance)")
        }
    }
}
