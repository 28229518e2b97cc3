import Foundation
import Synchronization

/// Long computations of one kind, one at a time, on a thread of their own: those that requests and messages share are as
/// few as processors, and what they wait for must not take them.
final class BackgroundWork: Sendable {
    private let label: String
    /// nil: on the caller's thread, in a simulation.
    private let queue: DispatchQueue?
    private let waiting = Mutex(0)

    init(_ label: String, context: ControllerContext) {
        self.label = label
        queue = context.isStepped ? nil : DispatchQueue(label: "martlet.\(label)", qos: .utility)
    }

    /// - Parameter waitingLimit: computations that may be under way or wait; one more is refused.
    func run<Value: Sendable>(
        waitingLimit: Int = .max, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        guard let queue else { return try body() }
        let fits = waiting.withLock { waiting in
            guard waiting < waitingLimit else { return false }
            waiting += 1
            return true
        }
        guard fits else {
            throw ControllerError(
                .limitReached, "\(waitingLimit) are under way or wait for \(label)", hint: "try again in a minute")
        }
        defer { waiting.withLock { $0 -= 1 } }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result(catching: body)) }
        }
    }
}
