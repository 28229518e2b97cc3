import Foundation
import MQTTTransport
import Synchronization
import Testing

@Suite("Clients on a real mosquitto", .timeLimit(.minutes(2)))
struct BrokerTests {
    @Test("messages published before the first connection arrive once it stands")
    func outboxBeforeConnect() async throws {
        let broker = try TestBroker()
        let running = try RunningLoop()
        let (listener, heard) = try running.client(port: broker.port, id: "listener")
        listener.subscribe(["news/#"], qos: .atLeastOnce)
        listener.connect()
        await eventually("subscribed") { heard.all.contains(.subscribed(["news/#"])) }

        let (speaker, _) = try running.client(port: broker.port, id: "speaker")
        let results = Mutex<[PublishResult]>([])
        for index in 0..<50 {
            speaker.publish(topic: "news/\(index)", payload: Array("\(index)".utf8), qos: .atLeastOnce) { result in
                results.withLock { $0.append(result) }
            }
        }
        #expect(speaker.statistics.queuedMessages == 50)
        speaker.connect()
        await eventually("50 messages") { heard.texts.count == 50 }
        #expect(heard.texts == (0..<50).map(String.init))
        await eventually("50 acknowledgements") { results.withLock { $0.count } == 50 }
        #expect(results.withLock { $0.allSatisfy { $0 == .acknowledged } })
        #expect(speaker.statistics.protocolLevel == 5)
        #expect(speaker.statistics.inFlight == 0)
    }

    @Test("a killed broker is reconnected to, subscriptions are renewed, and unacknowledged messages come through")
    func reconnect() async throws {
        let broker = try TestBroker()
        let running = try RunningLoop()
        let (client, seen) = try running.client(port: broker.port, id: "phoenix")
        client.subscribe(["ash"], qos: .atLeastOnce)
        client.connect()
        await eventually("subscribed") { seen.all.contains(.subscribed(["ash"])) }
        broker.kill()
        await eventually("the loss is seen") { seen.disconnections >= 1 }
        client.publish(topic: "ash", payload: Array("risen".utf8), qos: .atLeastOnce)
        await eventually("some attempts fail") { seen.disconnections >= 3 }
        try broker.start()
        await eventually("the message that waited") { seen.texts.contains("risen") }
        #expect(seen.connections == 2)
        #expect(client.statistics.failedAttempts >= 2)
        let retries = seen.all.compactMap { if case .disconnected(_, let retry) = $0 { retry } else { nil } }
        #expect(retries.allSatisfy { (1...400).contains($0) })
    }

    @Test("a broker that hangs is left after the keep-alive")
    func hangingBroker() async throws {
        let broker = try TestBroker()
        let running = try RunningLoop()
        let (client, seen) = try running.client(port: broker.port, id: "patient") { $0.keepAliveSeconds = 5 }
        client.connect()
        await eventually("connected") { seen.connections == 1 }
        broker.freeze()
        await eventually("the silence is noticed", within: 20) { seen.disconnections >= 1 }
        await eventually("an attempt on the frozen broker times out or waits") { client.statistics.protocolLevel == 0 }
    }

    @Test("the last will is published when a client vanishes, and not after a goodbye")
    func lastWill() async throws {
        let broker = try TestBroker()
        let running = try RunningLoop()
        let (watcher, heard) = try running.client(port: broker.port, id: "watcher")
        watcher.subscribe(["presence/+"], qos: .atLeastOnce)
        watcher.connect()
        await eventually("subscribed") { heard.all.contains(.subscribed(["presence/+"])) }

        let other = try RunningLoop()
        let (polite, politeSeen) = try other.client(port: broker.port, id: "polite") {
            $0.will = MQTTWill(topic: "presence/polite", payload: Array("gone".utf8))
        }
        let (rude, rudeSeen) = try other.client(port: broker.port, id: "rude")
        rude.setWill(MQTTWill(topic: "presence/rude", payload: Array("vanished".utf8)))
        polite.connect()
        rude.connect()
        await eventually("both connected") { politeSeen.connections == 1 && rudeSeen.connections == 1 }
        polite.publish(topic: "presence/polite", payload: Array("bye".utf8), qos: .atLeastOnce)
        polite.disconnect()
        await eventually("polite left") { politeSeen.disconnections == 1 }
        #expect(politeSeen.all.last == .disconnected(reason: "closed by this client", retry: nil))
        other.loop.stop()
        await eventually("the will of the rude one") { heard.texts.contains("vanished") }
        #expect(heard.texts.contains("bye"), "a goodbye flushes what waits")
        #expect(!heard.texts.contains("gone"))
    }

    @Test("a retained message comes again with each subscribe, and says that it was retained")
    func retained() async throws {
        let broker = try TestBroker()
        let running = try RunningLoop()
        let (client, seen) = try running.client(port: broker.port, id: "reader")
        client.connect()
        client.publish(topic: "desired", payload: Array("v1".utf8), qos: .atLeastOnce, retain: true, priority: .control)
        await eventually("published") { client.statistics.acknowledged == 1 }
        client.subscribe(["desired"], qos: .atMostOnce)
        await eventually("first") { seen.texts.count == 1 }
        client.unsubscribe(["desired"])
        client.subscribe(["desired"], qos: .atMostOnce)
        await eventually("second") { seen.texts.count == 2 }
        #expect(seen.all.contains(.message(topic: "desired", text: "v1", retained: true)))
    }

    @Test("a publish and a subscription that the access rules forbid are told as refused")
    func denial() async throws {
        let rules = "user fenced\ntopic readwrite garden/#\n"
        let broker = try TestBroker(
            configuration: "allow_anonymous true\nacl_file FOLDER/acl",
            files: ["acl": "topic readwrite garden/#\n" + rules])
        let running = try RunningLoop()
        let (client, seen) = try running.client(port: broker.port, id: "fenced")
        let result = Mutex<PublishResult?>(nil)
        client.publish(topic: "street", payload: [1], qos: .atLeastOnce) { value in result.withLock { $0 = value } }
        client.connect()
        await eventually("an answer") { result.withLock { $0 } != nil }
        guard case .refused(let reason)? = result.withLock({ $0 }) else {
            Issue.record("expected a refusal, got \(String(describing: result.withLock { $0 }))")
            return
        }
        #expect(reason.code == MQTTReason.notAuthorizedCode)
        #expect(seen.all.contains(.refused(topic: "street", code: 0x87)))
        #expect(client.statistics.refused == 1)

        client.publish(topic: "garden/gate", payload: [1], qos: .atLeastOnce)
        await eventually("the allowed one passes") { client.statistics.acknowledged == 1 }
    }

    @Test("a malformed topic is refused by name and does not block the queue")
    func malformedTopic() async throws {
        let broker = try TestBroker()
        let running = try RunningLoop()
        let (client, seen) = try running.client(port: broker.port, id: "typo")
        client.publish(topic: "no/#/wildcards", payload: [1], qos: .atLeastOnce)
        client.publish(topic: "fine", payload: [1], qos: .atLeastOnce)
        client.connect()
        await eventually("the next one passes") { client.statistics.acknowledged == 1 }
        #expect(seen.all.contains(.refused(topic: "no/#/wildcards", code: 0x80)))
    }

    @Test("a wrong password is told with the broker's reason, and tried again")
    func refusedConnection() async throws {
        let broker = try TestBroker(configuration: "allow_anonymous false")
        let running = try RunningLoop()
        let (client, seen) = try running.client(port: broker.port, id: "stranger")
        client.connect()
        await eventually("two refusals") { seen.disconnections >= 2 }
        guard case .disconnected(let reason, let retry)? = seen.all.first else { return }
        #expect(reason.lowercased().contains("not authori"), "the reason was: \(reason)")
        #expect(retry != nil)
        #expect(seen.connections == 0)
    }
}
