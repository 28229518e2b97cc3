import FleetModel
import FleetWire
import Logging
import Metrics
import Synchronization

/// Answers devices that ask for chunks themselves: where the broker keeps nothing, or not so much.
final class FetchService: Sendable {
    private let delivery: DeliveryService
    private let logger: Logger
    private let queue = Mutex(FetchQueue())
    private let wakeup = Wakeup()
    private let dropped = Counter(label: "martlet_fetches_dropped_total")

    init(delivery: DeliveryService, logger: Logger) {
        self.delivery = delivery
        self.logger = logger
    }

    /// Takes a request; never waits.
    func add(_ request: Need, from device: DeviceID) {
        let fits = queue.withLock { $0.add(request, from: device) }
        if fits { wakeup.wake() } else { dropped.increment() }
    }

    /// Answers until the task is cancelled.
    func run() async {
        await wakeup.run(atLeastEvery: DeliveryLimits.pause) { await self.drain() }
    }

    /// Answers what waits. Called by one task at a time.
    func drain() async {
        while !Task.isCancelled, let (device, request) = queue.withLock({ $0.next() }) {
            do { try await delivery.answer(request, from: device) } catch {
                logger.warning(
                    "answering \(device)", metadata: ["blob": "\(request.blob.short)", "error": "\(error)"])
            }
        }
    }
}
