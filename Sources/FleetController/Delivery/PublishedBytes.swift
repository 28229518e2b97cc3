import FleetStore
import GRDB
import Logging
import Metrics
import Synchronization

/// Adds what a link has published to the count that survives restarts.
final class PublishedBytes: Sendable {
    /// How often the count is written.
    static let pause = Duration.seconds(2)

    private let context: ControllerContext
    private let read: @Sendable () -> Int
    private let counted = Mutex(0)
    private let counter = Counter(label: "martlet_bytes_published_total")

    init(context: ControllerContext, read: @escaping @Sendable () -> Int) {
        self.context = context
        self.read = read
    }

    /// Writes the count from time to time until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            await save()
            try? await Task.sleep(for: Self.pause)
        }
    }

    /// Writes what came since the last time.
    func save() async {
        let total = read()
        let more = counted.withLock { counted in
            defer { counted = total }
            return total - counted
        }
        guard more > 0 else { return }
        counter.increment(by: more)
        do {
            try await context.write { database, _ in
                try database.execute(
                    sql: """
                        INSERT INTO setting (key, value) VALUES (?, ?)
                        ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + excluded.value
                        """, arguments: [FleetController.bytesPublishedKey, "\(more)"])
            }
        } catch {
            context.logger.error("bytes published not counted", metadata: ["error": "\(error)"])
        }
    }
}
