import Glibc
import Sketches
import Synchronization
import Testing

@testable import MQTTTransport

@Suite("The loop", .timeLimit(.minutes(1)))
struct LoopTests {
    @Test("timers fire in the order of their deadlines, and cancelled ones do not")
    func timers() async throws {
        let running = try RunningLoop()
        let fired = Mutex<[Int]>([])
        for delay in [60, 20, 40] {
            running.loop.schedule(after: Int64(delay)) { fired.withLock { $0.append(delay) } }
        }
        let cancelled = running.loop.schedule(after: 30) { fired.withLock { $0.append(30) } }
        running.loop.cancel(cancelled)
        await eventually("three timers") { fired.withLock { $0.count } >= 3 }
        #expect(fired.withLock { $0 } == [20, 40, 60])
    }

    @Test("work runs on the loop's thread, in order, never inside the caller")
    func perform() async throws {
        let running = try RunningLoop()
        let trace = Mutex<[String]>([])
        running.loop.perform {
            running.loop.perform { trace.withLock { $0.append("inner") } }
            trace.withLock { $0.append(running.loop.isOnLoop ? "outer" : "wrong thread") }
        }
        await eventually("both") { trace.withLock { $0.count } == 2 }
        #expect(trace.withLock { $0 } == ["outer", "inner"])
        #expect(!running.loop.isOnLoop)
    }

    @Test("a watched descriptor is reported while it is ready, until it is unwatched")
    func watch() async throws {
        var pair: [Int32] = [0, 0]
        #expect(pipe(&pair) == 0)
        let (reader, writer) = (pair[0], pair[1])
        defer {
            close(reader)
            close(writer)
        }
        let running = try RunningLoop()
        let received = Mutex<[UInt8]>([])
        running.loop.watch(reader, for: .readable) { readiness in
            guard readiness.contains(.readable) else { return }
            var byte: UInt8 = 0
            if read(reader, &byte, 1) == 1 { received.withLock { $0.append(byte) } }
            if byte == 3 { running.loop.unwatch(reader) }
        }
        _ = write(writer, [UInt8]([1, 2, 3, 4]), 4)
        await eventually("three bytes") { received.withLock { $0.count } >= 3 }
        try await Task.sleep(for: .milliseconds(50))
        #expect(received.withLock { $0 } == [1, 2, 3])
    }

    @Test("a descriptor that epoll cannot watch is reported as hung up")
    func unwatchable() async throws {
        let running = try RunningLoop()
        let seen = Mutex<Readiness?>(nil)
        running.loop.watch(-1, for: .readable) { readiness in seen.withLock { $0 = readiness } }
        await eventually("told") { seen.withLock { $0 } == .hangup }
    }

    @Test("stop answers every message that is still open, and work after it is refused")
    func stop() async throws {
        let running = try RunningLoop()
        let (client, _) = try running.client(port: 1, id: "late")
        let results = Mutex<[PublishResult]>([])
        client.publish(topic: "t", payload: [], qos: .atLeastOnce) { result in results.withLock { $0.append(result) } }
        running.loop.stop()
        #expect(results.withLock { $0 } == [.dropped(.closed)])
        client.publish(topic: "t", payload: [], qos: .atLeastOnce) { result in results.withLock { $0.append(result) } }
        #expect(results.withLock { $0 } == [.dropped(.closed), .dropped(.closed)])
    }

    @Test("letting go of a client closes it")
    func letGo() async throws {
        let broker = try TestBroker()
        let running = try RunningLoop()
        let (watcher, heard) = try running.client(port: broker.port, id: "watcher")
        watcher.subscribe(["will"], qos: .atLeastOnce)
        watcher.connect()
        await eventually("subscribed") { heard.all.contains(.subscribed(["will"])) }
        let recorder = Recorder()
        try await {
            let configuration = MQTTConfiguration(
                host: "127.0.0.1", port: broker.port, clientID: "short", will: MQTTWill(topic: "will", payload: [0x78]))
            let client = try running.loop.makeClient(configuration, handler: recorder.handler)
            client.connect()
            await eventually("connected") { recorder.connections == 1 }
        }()
        await eventually("its will is published") { heard.texts == ["x"] }
    }

    @Test("a name is resolved off the loop")
    func names() async throws {
        let broker = try TestBroker()
        let running = try RunningLoop()
        #expect(Dialler.needsNameServer("broker.example"))
        #expect(!Dialler.needsNameServer("::1") && !Dialler.needsNameServer("10.0.0.1"))
        // To the dialler "127.1" is a name; getaddrinfo knows it on every machine, as inet_aton's short form.
        let (client, seen) = try running.client(port: broker.port, id: "named") { $0.host = "127.1" }
        client.connect()
        await eventually("connected or told why not") { !seen.all.isEmpty }
        #expect(seen.all.first == .connected)
    }

    enum Mistake: String, CaseIterable {
        case port, host, clientID, keepAlive, backoff, outbox, connectTimeout, tls

        func spoil(_ configuration: inout MQTTConfiguration) {
            switch self {
            case .port: configuration.port = 0
            case .host: configuration.host = ""
            case .clientID: configuration.clientID = ""
            case .keepAlive: configuration.keepAliveSeconds = 1
            case .backoff: configuration.backoff = BackoffPolicy(firstMilliseconds: 0)
            case .outbox: configuration.outbox = OutboxLimits(messages: 0)
            case .connectTimeout: configuration.connectTimeoutMilliseconds = 1
            case .tls: configuration.tls = MQTTTLS(caFile: "/x", certificateFile: "/y")
            }
        }
    }

    @Test("a configuration out of range is refused with the value's name", arguments: Mistake.allCases)
    func validation(mistake: Mistake) throws {
        let loop = try MQTTLoop()
        var configuration = MQTTConfiguration(host: "127.0.0.1", port: 1883, clientID: "ok")
        mistake.spoil(&configuration)
        let error = #expect(throws: MQTTError.self) { _ = try loop.makeClient(configuration) { _ in } }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.context.contains(mistake.rawValue) == true)
    }
}

@Suite("Timer queue")
struct TimerQueueTests {
    @Test("gives timers back sorted, whatever the order of insertion and cancelling", arguments: [UInt64(1), 2, 3])
    func sorted(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var queue = TimerQueue<Int64>()
        var live: [UInt64: Int64] = [:]
        for id in 0..<2000 as Range<UInt64> {
            let deadline = Int64(random.next() % 1000)
            queue.insert(TimerID(rawValue: id), at: deadline, deadline)
            live[id] = deadline
            if random.next() % 3 == 0, let victim = live.keys.min() {
                queue.cancel(TimerID(rawValue: victim))
                live[victim] = nil
            }
        }
        #expect(queue.count == live.count)
        var out: [Int64] = []
        while let deadline = queue.popDue(now: 1000) { out.append(deadline) }
        #expect(out == live.values.sorted())
        #expect(queue.popDue(now: .max) == nil)
    }
}
