import FleetModel
import FleetStore
import FleetWire
import Foundation
import Glibc
import ModelImage

/// Delivers one image to many devices over a real broker, beside a reference that does the same pull in C.
public struct DeliveryBench: Sendable {
    /// Devices that pull.
    public var devices: Int
    /// Size of the image, in bytes.
    public var bytes: Int
    /// TLS between devices and broker, and between the reference and the broker.
    public var isEncrypted: Bool
    /// Where devices and reference write; removed at the end.
    public var folder: String

    public init(devices: Int, bytes: Int, isEncrypted: Bool = false, folder: String) {
        self.isEncrypted = isEncrypted
        self.devices = devices
        self.bytes = bytes
        self.folder = folder
    }

    /// Most devices of a run: one process holds them all.
    public static let deviceLimit = 5000
    /// The largest image of a run: what an image may have, without its head.
    public static let byteLimit = ImageLimits.imageBytes - 4096
    /// Past this the image is not retained: devices ask for it, and there is no reference for that.
    private static let retainedLimit = 257 << 20
    /// Seconds until a device that is not through counts as incomplete.
    private static let patience = 300

    /// What a run measured.
    public struct Result: Codable, Sendable {
        /// Seconds from "all connected" until the last device had the blob.
        public var wall: Double
        /// The same for the reference; nil where the broker does not retain the blob.
        public var reference: Double?
        /// Seconds in which the broker gives the same bytes to as many subscribers that do nothing with them.
        public var fanOut: Double?
        /// What the controller published in all, topics and payloads.
        public var published: Int
        public var blob: Int
        /// Bytes that the broker keeps for it: chunks, map, manifest and roles.
        public var retained: Int
        /// The broker's largest resident set while the devices pulled.
        public var brokerPeak: Int
        /// By how many bytes this process, devices and controller, grew while they pulled.
        public var memoryGrowth: Int
        public var complete: Int
        public var devices: Int
        /// What went wrong, for people; not in the JSON.
        public var failures: [String] = []

        private enum CodingKeys: String, CodingKey {
            case wall = "wall_s"
            case reference = "reference_wall_s"
            case fanOut = "fanout_wall_s"
            case published = "published_bytes"
            case blob = "blob_bytes"
            case retained = "retained_bytes"
            case brokerPeak = "broker_peak_rss_bytes"
            case memoryGrowth = "memory_growth_bytes"
            case complete, devices
        }
    }

    /// Runs controller, broker, devices and reference.
    public func run() async throws -> Result {
        let place = URL(filePath: folder).appending(path: "martlet-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: place) }
        let broker = try BenchBroker(folder: place, isEncrypted: isEncrypted)
        defer { broker.stop() }
        let reference = try ReferencePull(port: broker.devicePort, authority: broker.authority)
        let controller = try await BenchController(
            bytes: bytes, devices: devices, folder: place.appending(path: "controller"),
            retainedLimit: Self.retainedLimit)
        return try await controller.serve(port: broker.port) { delivery in
            var result = try await self.pull(delivery, broker, place)
            (result.published, result.retained) = (try await controller.published(), try await controller.retained())
            let map = try BlobMap(decoding: [UInt8](delivery.map))
            guard delivery.publishedAt != nil else { return result }
            sync()
            result.reference = try await reference.pull(
                map, blob: delivery.blob, devices: devices, folder: place)
            result.fanOut = try await reference.fanOut(
                chunks: map.chunks.count, bytes: map.chunkBytes, devices: devices)
            return result
        }
    }

    private func pull(_ delivery: DeliveryRecord, _ broker: BenchBroker, _ place: URL) async throws -> Result {
        let map = try BlobMap(decoding: [UInt8](delivery.map))
        let folder = place.appending(path: "devices")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let fleet = try PullFleet(
            count: devices, port: broker.devicePort, blob: delivery.blob,
            image: ImageReference(digest: delivery.image, bytes: map.imageBytes, arenaBytes: TinyModel.arenaBytes),
            folder: folder, authority: broker.authority)
        defer {
            fleet.stop()
            try? FileManager.default.removeItem(at: folder)
        }
        try await fleet.waitForConnections(seconds: 60)
        broker.forgetPeak()
        // Devices and reference begin with a disk that is done with what was written and removed before.
        sync()
        // One after the other, and a minute for each GiB, where devices ask for it.
        let patience = Self.patience + (delivery.publishedAt == nil ? devices * (map.bytes >> 24) : 0)
        let ((complete, time, failures), growth) = try await ProcessMemory.growth {
            try await fleet.pull(seconds: patience)
        }
        return Result(
            wall: time / .seconds(1), published: 0, blob: map.bytes, retained: 0, brokerPeak: broker.peakMemory,
            memoryGrowth: growth, complete: complete, devices: devices, failures: failures)
    }
}
