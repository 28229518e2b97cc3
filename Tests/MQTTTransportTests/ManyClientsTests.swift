import Foundation
import Glibc
import MQTTTransport
import Synchronization
import Testing

@Suite("Many clients on one loop", .serialized, .timeLimit(.minutes(3)))
struct ManyClientsTests {
    /// 600 clients have 600 sockets here and 1,200 descriptors of libmosquitto's socket pairs: past select()'s 1,024.
    @Test("600 clients live on one loop, past select()'s 1,024 descriptors, and all return after a crash of the broker")
    func sixHundred() async throws {
        let count = 600
        raiseFileLimit()
        let broker = try TestBroker()
        let running = try RunningLoop()
        let heard = Mutex<[Int: Int]>([:])
        let connected = Mutex(0)
        var clients: [MQTTClient] = []
        for index in 0..<count {
            let configuration = MQTTConfiguration(
                host: "127.0.0.1", port: broker.port, clientID: "d\(index)",
                backoff: BackoffPolicy(firstMilliseconds: 50, maximumMilliseconds: 1000), seed: UInt64(index))
            let client = try running.loop.makeClient(configuration) { event in
                switch event {
                case .connected: connected.withLock { $0 += 1 }
                case .message: heard.withLock { $0[index, default: 0] += 1 }
                default: break
                }
            }
            client.subscribe(["all"], qos: .atMostOnce)
            client.connect()
            clients.append(client)
        }
        await eventually("all connected", within: 60) { connected.withLock { $0 } == count }
        #expect(highestDescriptor() > 1024)
        await eventually("one word reaches all", within: 30) {
            clients[0].publish(topic: "all", payload: [1], qos: .atLeastOnce)
            usleep(100_000)
            return heard.withLock { $0.count } == count
        }
        broker.kill()
        try broker.start()
        await eventually("all return", within: 60) { connected.withLock { $0 } == 2 * count }
    }

    @Test("the library's socket pairs do not stay open as sockets")
    func socketPairs() throws {
        let running = try RunningLoop()
        let before = localSockets()
        let clients = try (0..<200).map { try running.client(port: 1, id: "idle\($0)").0 }
        // Other tests of this process may open a few meanwhile; silenced pairs add none, open ones 400.
        #expect(localSockets() - before < 100)
        #expect(clients.count == 200)
    }

    private func raiseFileLimit() {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = min(limit.rlim_max, 8192)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    private func descriptors() -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    }

    private func highestDescriptor() -> Int { descriptors().compactMap(Int.init).max() ?? 0 }

    /// Unix stream sockets of this process: what socketpair() makes.
    private func localSockets() -> Int {
        descriptors().compactMap(Int32.init).count { descriptor in
            var domain: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            return getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX
        }
    }
}
