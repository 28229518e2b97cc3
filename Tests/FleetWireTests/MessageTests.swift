import FleetModel
import FleetWire
import Sketches
import Testing

@Suite struct MessageTests {
    @Test("every message survives the way there and back, byte for byte")
    func roundTrip() throws {
        for sample in WireSamples.all {
            #expect(try sample.isEqual(sample.encoded), "\(sample.rule)")
            #expect(try sample.again(sample.encoded) == sample.encoded, "\(sample.rule)")
        }
    }

    @Test("a key that this version does not know is ignored")
    func unknownKeys() throws {
        for sample in WireSamples.all {
            let extended = try edit(sample.encoded) { $0.append(CBOR.Entry(key: .unsigned(9999), value: .text("new"))) }
            #expect(try sample.again(extended) == sample.encoded, "\(sample.rule)")
        }
    }

    @Test("a message without one of its mandatory keys is refused, and the error names the key")
    func missingKeys() throws {
        let optional = ["map": [UInt64(7), 9], "reported": [3]]
        for sample in WireSamples.all {
            guard case .map(let entries) = try CBOR(decoding: sample.encoded) else { return }
            for case .unsigned(let key) in entries.map(\.key) where optional[sample.rule]?.contains(key) != true {
                let cut = try edit(sample.encoded) { $0.removeAll { $0.key == .unsigned(key) } }
                let error = #expect(throws: WireError.self) { try sample.again(cut) }
                #expect(error?.code == .missingField, "\(sample.rule) \(key)")
                #expect(error?.context.contains("key \(key)") == true, "\(sample.rule) \(key)")
            }
        }
    }

    @Test("a value of another type is refused under every key")
    func wrongTypes() throws {
        for sample in WireSamples.all {
            guard case .map(let entries) = try CBOR(decoding: sample.encoded) else { return }
            for index in entries.indices {
                let wrong = try edit(sample.encoded) { $0[index].value = .undefined }
                let error = #expect(throws: WireError.self) { try sample.again(wrong) }
                #expect(error?.code == .wrongType, "\(sample.rule) \(index)")
            }
            #expect(throws: WireError.self) { try sample.again([0x80]) }
        }
    }

    @Test("a message past its kind's limit is refused before it is read")
    func tooLarge() {
        let error = #expect(throws: WireError.self) {
            try SignedTime(decoding: [UInt8](repeating: 0, count: WireLimits.controlBytes + 1))
        }
        #expect(error?.code == .tooLarge)
    }

    @Test("the largest sample part and a report with every limit reached fit their messages")
    func largest() throws {
        var sample = WireSamples.sample
        sample.values = [Float](repeating: 1, count: WireLimits.samplePartBytes / 4)
        sample.scores = [Float](repeating: 1, count: WireLimits.classes)
        #expect(try SampleMessage(decoding: sample.encoded()) == sample)
        sample.values.append(0)
        #expect(throws: WireError.self) { try SampleMessage(decoding: sample.encoded()) }
        var map = WireSamples.map
        map.bytes = WireLimits.blobBytes
        map.chunks = ChunkDigests(repeatElement(WireSamples.image, count: WireLimits.chunks))
        #expect(try BlobMap(decoding: map.encoded()) == map)
    }

    @Test("counts beyond 53 bits are cut when written and refused when read")
    func integers() throws {
        var report = WireSamples.report
        report.inferences = .max
        #expect(try Report(decoding: report.encoded()).inferences == WireLimits.integer)
        let bytes = try edit(report.encoded()) { $0[8].value = .unsigned(.max) }
        #expect(throws: WireError.self) { try Report(decoding: bytes) }
    }

    /// Changes the entries of an encoded map.
    private func edit(_ bytes: [UInt8], _ change: (inout [CBOR.Entry]) -> Void) throws -> [UInt8] {
        guard case .map(var entries) = try CBOR(decoding: bytes) else { return bytes }
        change(&entries)
        return CBOR.map(entries).encoded()
    }
}

/// What single messages refuse beyond their types.
@Suite struct MessageRuleTests {
    private func expectRefused(_ message: some WireMessage, _ comment: Comment? = nil) {
        func decode<Message: WireMessage>(_ message: Message) throws { _ = try Message(decoding: message.encoded()) }
        #expect(throws: WireError.self, comment) { try decode(message) }
    }

    @Test("a sample needs a probability above 0 and a part below the count")
    func samples() {
        var sample = WireSamples.sample
        for probability: Float in [0, -0.5, 1.5, .nan] {
            sample.probability = probability
            expectRefused(sample, "\(probability)")
        }
        sample = WireSamples.sample
        sample.part = 1
        expectRefused(sample)
    }

    @Test("a receipt whose golden error is no finite number is refused", arguments: [Float.nan, .infinity, -.infinity])
    func receipts(goldenError: Float) {
        var receipt = WireSamples.receipt
        receipt.goldenError = goldenError
        expectRefused(receipt, "\(goldenError)")
    }

    @Test("a blob map whose chunks do not fit its size, or a delta without a base, is refused")
    func maps() {
        var map = WireSamples.map
        map.chunks = ChunkDigests(map.chunks + [WireSamples.image])
        expectRefused(map)
        map = WireSamples.map
        map.base = WireSamples.image
        expectRefused(map)
        map = WireSamples.delta
        map.base = nil
        expectRefused(map)
        map = WireSamples.sealed
        map.seal = [1, 2, 3]
        expectRefused(map, "a salt has 16 bytes")
        map = WireSamples.sealed
        map.chunkBytes = WireLimits.tagBytes
        map.bytes = WireLimits.tagBytes
        expectRefused(map, "a chunk that is all tag")
        map = WireSamples.map
        map.chunkBytes = WireLimits.chunkBytes * 2
        map.chunks = ChunkDigests(map.chunks.dropLast())
        expectRefused(map)
    }

    @Test("roles whose threshold cannot be reached by distinct keys are refused")
    func roles() {
        var roles = WireSamples.roles
        roles.releaseKeys[1].publicKey = roles.releaseKeys[0].publicKey
        expectRefused(roles)
        roles = WireSamples.roles
        roles.threshold = 0
        expectRefused(roles)
    }

    @Test("holes lie at or below the highest sequence and are not empty")
    func acks() {
        var ack = WireSamples.ack
        ack.streams[1].holes = [0..<1]
        expectRefused(ack)
        ack.streams[1].holes = [0..<0]
        expectRefused(ack)
    }

    @Test("an acknowledgement of two streams, as older controllers send it, is read; one of four is refused")
    func streams() throws {
        var ack = WireSamples.ack
        ack.streams.removeLast()
        #expect(try Ack(decoding: ack.encoded()) == ack)
        ack.streams = WireSamples.ack.streams + [StreamAck(stream: .log, highest: 1, holes: [])]
        expectRefused(ack)
    }

    @Test("a log needs lines, each said at least once, printable and within its bytes")
    func logs() throws {
        func refuse(_ lines: [CBOR]) {
            let bytes = CBOR.map([
                .init(key: .unsigned(1), value: .text("b")), .init(key: .unsigned(2), value: .unsigned(1)),
                .init(key: .unsigned(3), value: .unsigned(0)), .init(key: .unsigned(4), value: .array(lines)),
            ]).encoded()
            #expect(throws: WireError.self) { try DeviceLog(decoding: bytes) }
        }
        func line(_ text: String, count: UInt64 = 1, severity: String = "problem") -> CBOR {
            .map([
                .init(key: .unsigned(1), value: .unsigned(5)), .init(key: .unsigned(2), value: .text(severity)),
                .init(key: .unsigned(3), value: .unsigned(count)), .init(key: .unsigned(4), value: .text(text)),
            ])
        }
        refuse([])
        refuse([line("x", count: 0)])
        refuse([line("x", severity: "loud")])
        refuse([line(String(repeating: "x", count: WireLimits.logLineBytes + 1))])
        refuse([CBOR](repeating: line("x"), count: WireLimits.logLines + 1))
        for text in ["a\nb", "\u{1B}[2J", "\u{202E}txt.exe", "\u{0}", "\u{85}", "\u{FEFF}"] { refuse([line(text)]) }
    }

    @Test("whatever is said becomes a line that can be read, and a log with every limit reached fits its message")
    func lines() throws {
        for text in ["", "a\r\nb\u{1B}[31m", String(repeating: "é", count: 300), String(repeating: "x", count: 9999)] {
            let line = LogLine(time: .epoch, severity: .problem, saying: text)
            #expect(line.text.utf8.count <= WireLimits.logLineBytes)
            let log = DeviceLog(
                boot: String(repeating: "b", count: 64), sequence: WireLimits.integer, dropped: WireLimits.integer,
                lines: Array(
                    repeating: LogLine(
                        time: Instant(milliseconds: Int64(WireLimits.integer)), severity: .problem,
                        count: WireLimits.integer, saying: text), count: WireLimits.logLines))
            #expect(try DeviceLog(decoding: log.encoded()) == log)
        }
        #expect(LogLine(time: .epoch, severity: .notice, saying: "a\tb\u{9B}c").text == "a?b?c")
    }

    @Test("a manifest of another format, with a slot twice or without parts is refused")
    func manifests() {
        var manifest = WireSamples.manifest
        manifest.format = 2
        expectRefused(manifest)
        manifest = WireSamples.manifest
        manifest.parts.append(manifest.parts[0])
        expectRefused(manifest)
        manifest.parts = []
        expectRefused(manifest)
    }

    @Test("an agent is no model: it fills its own slot, alone, and no model does")
    func agents() throws {
        let sample = WireSamples.agentManifest
        let read = try ReleaseManifest(decoding: sample.encoded())
        #expect(read == sample && read.part(for: .agent)?.kind == .agent(version: "1.4.0"))
        var manifest = sample
        manifest.parts[0].slot = .main
        expectRefused(manifest, "an agent in a model's slot")
        manifest = WireSamples.manifest
        manifest.parts[0].slot = .agent
        expectRefused(manifest, "a model in the agent's slot")
        manifest = WireSamples.manifest
        manifest.parts.append(sample.parts[0])
        expectRefused(manifest, "an agent beside a model")
    }

    @Test("a part that does not hold together is refused")
    func parts() {
        let changes: [(inout ReleasePart) -> Void] = [
            { $0.normalisation.scale[0] = 0 }, { $0.normalisation.offset.append(0) },
            { $0.normalisation.offset[0] = .nan }, { $0.baseline.features[0].channel = 2 },
            { $0.baseline.features[0].edges[1] = 9 }, { $0.baseline.features[0].edges.append(9) },
            { $0.baseline.features[0].driftThreshold = 0 }, { $0.baseline.predictions.counts.append(1) },
            { $0.golden.inputs[0].append(1) }, { $0.golden.outputs = [] }, { $0.golden.tolerance = .nan },
            { $0.input.width = 3 }, { $0.input.steps = 1 << 40 }, { $0.thresholds.promisedAccuracy = 1.01 },
        ]
        for (index, change) in changes.enumerated() {
            var manifest = WireSamples.manifest
            change(&manifest.parts[0])
            expectRefused(manifest, "change \(index)")
        }
    }

    @Test("moments and latencies that no values have are refused")
    func sketches() {
        var report = WireSamples.report
        report.margin.squares = -1
        expectRefused(report)
        report.margin.squares = .infinity
        expectRefused(report)
    }

    @Test("minutes of a window stay within the day")
    func windows() {
        var desired = WireSamples.desired
        desired.slots[0].activation = .window(startMinute: 0, endMinute: 1440)
        expectRefused(desired)
    }
}
