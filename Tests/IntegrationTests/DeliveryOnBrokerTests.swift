import FleetModel
import FleetStore
import FleetWire
import Foundation
import Glibc
import MQTTTransport
import Testing
import VirtualFleet

/// The real controller, a real mosquitto and the agent's own transfer, when things are large or go wrong.
@Suite("Delivery on a real broker", .serialized)
struct DeliveryOnBrokerTests {
    /// A folder, a broker and a controller with one image.
    private final class Site: Sendable {
        let folder: URL
        let broker: BenchBroker
        let controller: BenchController

        init(bytes: Int, chunks: Int? = nil, retainedLimit: Int = 512 << 20) async throws {
            folder = FileManager.default.temporaryDirectory.appending(path: "delivery-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            broker = try BenchBroker(folder: folder)
            controller = try await BenchController(
                bytes: bytes, devices: 30, chunks: chunks, folder: folder.appending(path: "controller"),
                retainedLimit: retainedLimit
            )
        }

        deinit {
            broker.stop()
            try? FileManager.default.removeItem(at: folder)
        }

        /// Devices that are connected and have not begun.
        func fleet(_ count: Int, _ delivery: DeliveryRecord, port: Int? = nil, bytesPerSecond: Int = 0) async throws
            -> PullFleet
        {
            let map = try BlobMap(decoding: [UInt8](delivery.map))
            let devices = folder.appending(path: "devices")
            try FileManager.default.createDirectory(at: devices, withIntermediateDirectories: true)
            let fleet = try PullFleet(
                count: count, port: port ?? broker.port, blob: delivery.blob,
                image: ImageReference(digest: delivery.image, bytes: map.imageBytes, arenaBytes: 192), folder: devices,
                bytesPerSecond: bytesPerSecond)
            try await fleet.waitForConnections(seconds: 30)
            return fleet
        }
    }

    @Test(
        "1,600 chunks reach every device whole, in less than 4 MiB of memory each, and the controller sends each once")
    func manyChunks() async throws {
        let site = try await Site(bytes: 8 << 20, chunks: 1600)
        try await site.controller.serve(port: site.broker.port) { delivery in
            #expect(try BlobMap(decoding: [UInt8](delivery.map)).chunks.count >= 1600)
            let fleet = try await site.fleet(3, delivery)
            let (outcome, growth) = try await ProcessMemory.growth { try await fleet.pull(seconds: 120) }
            fleet.stop()
            #expect(outcome.complete == 3, "\(outcome.failures)")
            #expect(growth < 3 * 4 << 20)
            let published = try await site.controller.published()
            #expect(Double(published) <= 1.05 * Double(delivery.bytes))
        }
    }

    @Test(
        "a hundred readers that read nothing keep nobody waiting; as long as they open no more than devices do, two pages, they cost the broker nothing",
        arguments: [true, false])
    func stalledReaders(openPages: Bool) async throws {
        let site = try await Site(bytes: 4 << 20)
        try await site.controller.serve(port: site.broker.port) { delivery in
            let before = site.broker.memory
            site.broker.forgetPeak()
            let pages = [Topics().page(delivery.blob, 0), Topics().page(delivery.blob, 1)]
            let filters = openPages ? pages : ["martlet/v1/blob/#"]
            let stalled = try (0..<100).map { try StalledReader(number: $0, port: site.broker.port, filters) }
            let fleet = try await site.fleet(5, delivery)
            let (complete, time, failures) = try await fleet.pull(seconds: 60)
            fleet.stop()
            #expect(complete == 5, "\(failures)")
            #expect(time < .seconds(30))
            if openPages { #expect(site.broker.peakMemory - before < 64 << 20) }
            for reader in stalled { reader.close() }
        }
    }

    @Test("a broker that is killed in mid-transfer comes back empty, is seeded again, and every device gets through")
    func brokerKilled() async throws {
        let site = try await Site(bytes: 12 << 20)
        try await site.controller.serve(port: site.broker.port) { delivery in
            let fleet = try await site.fleet(20, delivery, bytesPerSecond: 4 << 20)
            async let outcome = fleet.pull(seconds: 120)
            for _ in 0..<4000 {
                if await fleet.share() >= 0.2 { break }
                try await Task.sleep(for: .milliseconds(5))
            }
            try site.broker.restart()
            let finishedBefore = fleet.finished
            let (complete, time, failures) = try await outcome
            fleet.stop()
            #expect(finishedBefore == 0)
            // 12 MiB at 4 MiB a second, of which the first two pages come at once.
            #expect(time > .seconds(2))
            #expect(complete == 20, "\(failures)")
        }
    }

    @Test("a retained chunk that somebody damaged is seen by every device, asked for, and mended once for all")
    func damagedChunk() async throws {
        let site = try await Site(bytes: 4 << 20)
        try await site.controller.serve(port: site.broker.port) { delivery in
            let map = try BlobMap(decoding: [UInt8](delivery.map))
            try await Vandal.overwrite(map.topic(ofChunk: 20, in: delivery.blob), port: site.broker.port)
            let fleet = try await site.fleet(30, delivery)
            let (complete, _, failures) = try await fleet.pull(seconds: 120)
            fleet.stop()
            #expect(complete == 30, "\(failures)")
            let published = try await site.controller.published()
            #expect(Double(published) <= 1.05 * Double(delivery.bytes))
        }
    }

    @Test("a site's broker that starts empty fills itself over its bridge, and what it lacks is asked for through it")
    func coldBridge() async throws {
        let site = try await Site(bytes: 4 << 20)
        let folder = site.folder.appending(path: "edge")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try await site.controller.serve(port: site.broker.port) { delivery in
            let edge = try BenchBroker(folder: folder, centre: site.broker.port)
            defer { edge.stop() }
            let fleet = try await site.fleet(10, delivery, port: edge.port)
            let (complete, _, failures) = try await fleet.pull(seconds: 120)
            fleet.stop()
            #expect(complete == 10, "\(failures)")
            let published = try await site.controller.published()
            #expect(Double(published) <= 1.05 * Double(delivery.bytes))
        }
    }

    @Test("an image past the cap on retained bytes is sent to whoever asks")
    func pastTheCap() async throws {
        let site = try await Site(bytes: 4 << 20, retainedLimit: 1 << 20)
        try await site.controller.serve(port: site.broker.port) { delivery in
            #expect(delivery.publishedAt == nil)
            let fleet = try await site.fleet(3, delivery)
            let (complete, _, failures) = try await fleet.pull(seconds: 120)
            fleet.stop()
            #expect(complete == 3, "\(failures)")
            let published = try await site.controller.published()
            #expect(Double(published) <= 3 * 1.05 * Double(delivery.bytes))
        }
    }
}

/// A client that subscribes and never reads its socket.
private final class StalledReader {
    private let descriptor: Int32

    init(number: Int, port: Int, _ filters: [String]) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var small: Int32 = 4096
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &small, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(code == 0)
        let name = Array("stalled-\(number)".utf8)
        // CONNECT (MQTT 3.1.1, 3.1) with a clean session and no keep-alive, then SUBSCRIBE (3.8) at QoS 0.
        let connectBody: [UInt8] = [0, 4] + Array("MQTT".utf8) + [4, 2, 0, 0, 0, UInt8(name.count)] + name
        let subscribeBody: [UInt8] = [0, 1] + filters.flatMap { [0, UInt8($0.utf8.count)] + Array($0.utf8) + [0] }
        let length = [0x80 | UInt8(subscribeBody.count & 0x7f), UInt8(subscribeBody.count >> 7)]
        let bytes = [0x10, UInt8(connectBody.count)] + connectBody + [0x82] + length + subscribeBody
        try #require(write(descriptor, bytes, bytes.count) == bytes.count)
    }

    func close() { Glibc.close(descriptor) }
}

/// Somebody who may write where only the controller should.
private enum Vandal {
    /// Puts other bytes in the place of a retained message.
    static func overwrite(_ topic: Topic, port: Int) async throws {
        let loop = try MQTTLoop()
        loop.start()
        defer { loop.stop() }
        let client = try loop.makeClient(MQTTConfiguration(host: "127.0.0.1", port: port, clientID: "vandal")) { _ in }
        client.connect()
        let result = await withCheckedContinuation { continuation in
            client.publish(
                topic: Topics().text(topic), payload: [UInt8](repeating: 7, count: WireLimits.chunkBytes),
                qos: .atLeastOnce, retain: true, priority: .control
            ) { continuation.resume(returning: $0) }
        }
        #expect(result == .acknowledged)
    }
}
