import Testing

@testable import MQTTTransport

@Suite("The outbox")
struct OutboxTests {
    private func message(
        _ topic: String, _ priority: MQTTPriority, bytes: Int = 10, qos: QoS = .atLeastOnce
    ) -> OutgoingMessage {
        OutgoingMessage(
            topic: topic, payload: [UInt8](repeating: 0, count: bytes), qos: qos, retain: false, priority: priority)
    }

    private func displaced(_ admission: Outbox.Admission) -> [String]? {
        if case .queued(let displaced) = admission { displaced.map(\.topic) } else { nil }
    }

    @Test("more important messages leave first, and equals in order")
    func order() {
        var outbox = Outbox(limits: OutboxLimits())
        for (topic, priority) in [("b1", MQTTPriority.bulk), ("t1", .telemetry), ("c1", .control), ("t2", .telemetry)] {
            _ = outbox.append(message(topic, priority))
        }
        var out: [String] = []
        while let next = outbox.popNext(inFlight: 0, bulkInFlight: 0) { out.append(next.topic) }
        #expect(out == ["c1", "t1", "t2", "b1"])
        #expect(outbox.count == 0 && outbox.bytes == 0)
    }

    @Test("a full outbox gives up its least important messages, oldest first, and only to more important ones")
    func overflow() {
        var outbox = Outbox(limits: OutboxLimits(messages: 3))
        for topic in ["b1", "b2"] { _ = outbox.append(message(topic, .bulk)) }
        _ = outbox.append(message("t1", .telemetry))
        #expect(displaced(outbox.append(message("b3", .bulk))) == nil, "equals do not displace each other")
        #expect(displaced(outbox.append(message("t2", .telemetry))) == ["b1"])
        #expect(displaced(outbox.append(message("c1", .control))) == ["b2"])
        #expect(displaced(outbox.append(message("c2", .control))) == ["t1"])
        #expect(displaced(outbox.append(message("c3", .control))) == ["t2"])
        #expect(displaced(outbox.append(message("c4", .control))) == nil, "nothing displaces a control message")
        #expect(outbox.count == 3)
    }

    @Test("the byte limit holds, and a message that can never fit displaces nobody")
    func bytes() {
        var outbox = Outbox(limits: OutboxLimits(bytes: 100))
        for index in 0..<4 { _ = outbox.append(message("b\(index)", .bulk, bytes: 22)) }
        #expect(outbox.bytes == 96)
        #expect(displaced(outbox.append(message("huge", .control, bytes: 200))) == nil)
        #expect(outbox.count == 4)
        #expect(displaced(outbox.append(message("c", .control, bytes: 40))) == ["b0", "b1"])
        #expect(outbox.bytes <= 100)
    }

    @Test("bulk may not fill the window of unacknowledged messages")
    func window() {
        var outbox = Outbox(limits: OutboxLimits(inFlight: 4, bulkInFlight: 2))
        _ = outbox.append(message("b", .bulk))
        _ = outbox.append(message("t", .telemetry))
        #expect(outbox.popNext(inFlight: 4, bulkInFlight: 0) == nil)
        #expect(outbox.popNext(inFlight: 3, bulkInFlight: 2)?.topic == "t")
        #expect(outbox.popNext(inFlight: 3, bulkInFlight: 2) == nil)
        #expect(outbox.popNext(inFlight: 3, bulkInFlight: 1)?.topic == "b")
    }

    @Test("QoS 0 does not wait for acknowledgements of others")
    func qos0() {
        var outbox = Outbox(limits: OutboxLimits(inFlight: 1, bulkInFlight: 1))
        _ = outbox.append(message("q0", .telemetry, qos: .atMostOnce))
        #expect(outbox.popNext(inFlight: 1, bulkInFlight: 1)?.topic == "q0")
    }

    @Test("a long queue keeps its order while it is filled and emptied")
    func longQueue() {
        var outbox = Outbox(limits: OutboxLimits(messages: 10_000))
        var (next, expected) = (0, 0)
        for round in 0..<2000 {
            for _ in 0..<(round % 7) {
                _ = outbox.append(message("\(next)", .telemetry))
                next += 1
            }
            for _ in 0..<(round % 5) {
                guard let popped = outbox.popNext(inFlight: 0, bulkInFlight: 0) else { break }
                #expect(popped.topic == "\(expected)")
                expected += 1
            }
        }
        #expect(outbox.count == next - expected)
        #expect(outbox.removeAll().count == next - expected)
    }
}
