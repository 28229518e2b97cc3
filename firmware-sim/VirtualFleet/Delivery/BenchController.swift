import FleetController
import FleetCrypto
import FleetModel
package import FleetStore
package import Foundation
import GRDB

/// The real controller with one released image of the wanted size: it publishes, and mends what its devices ask for.
package struct BenchController: Sendable {
    private let controller: FleetController
    private let image: Digest

    /// - Parameters:
    ///   - bytes: about the size of the image, which does not compress.
    ///   - devices: those of a `PullFleet` of this size are provisioned.
    ///   - chunks: into how many chunks it is cut, about; nil: into those of 64 KiB.
    package init(
        bytes: Int, devices: Int, chunks: Int? = nil, folder: URL, retainedLimit: Int = 512 << 20
    ) async throws {
        let people = try ["ops", "lead"].map { (holder: $0, key: try SigningKey.generate()) }
        var configuration = ControllerConfiguration(dataFolder: folder)
        configuration.retainedBytesLimit = retainedLimit
        controller = try await Fixture.controller(
            configuration, root: try SigningKey.generate(), people: people, now: { Instant.now() })
        for number in 0..<devices {
            _ = try await controller.devices.provision(DeviceRequest(id: PullFleet.name(number)), by: .local)
        }
        let image = try TinyModel.image(gain: 1, ballast: bytes)
        _ = try await Fixture.release("bench", image, try TinyModel.part(image), people.map(\.key), controller)
        self.image = SHA256.hash(image)
        if let chunks {
            try await SteppedController.prepare(
                self.image, chunks: chunks, blobs: controller.blobs, store: controller.store, at: Instant.now())
        }
    }

    /// Runs the controller, and `body` once the image can be had.
    package func serve<Result: Sendable>(
        port: Int, _ body: @escaping @Sendable (DeliveryRecord) async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                try await controller.run(endpoint: BrokerEndpoint(host: "127.0.0.1", port: port))
                return nil
            }
            group.addTask { try await body(try await delivery()) }
            defer { group.cancelAll() }
            while let next = try await group.next() { if let result = next { return result } }
            throw SimulationError.noBroker("the controller ended before the measurement")
        }
    }

    /// The image's blob, once it was published or, past the cap, is there to be asked for.
    private func delivery() async throws -> DeliveryRecord {
        let limit = controller.configuration.retainedBytesLimit
        for _ in 0..<Self.patience {
            let record = try await controller.store.database.read { try DeliveryRecord.fetchOne($0, key: image) }
            if let record, record.publishedAt != nil || record.bytes > limit { return record }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw SimulationError.noBroker("the controller did not publish the image within a minute")
    }

    /// Looks for the publication, 50 ms apart.
    private static let patience = 1200

    /// Bytes of topics and payloads that were published so far.
    package func published() async throws -> Int {
        // The count is written every other second.
        try await Task.sleep(for: .seconds(3))
        return Int(try await controller.bytesPublished())
    }

    /// Bytes that the broker is to keep.
    package func retained() async throws -> Int {
        try await controller.store.database.read { database in
            try Int.fetchOne(
                database,
                sql: """
                    SELECT (SELECT coalesce(sum(bytes + length(map)), 0) FROM delivery WHERE publishedAt IS NOT NULL)
                        + (SELECT coalesce(sum(length(signed)), 0) FROM release WHERE stage = 'released')
                    """) ?? 0
        }
    }
}
