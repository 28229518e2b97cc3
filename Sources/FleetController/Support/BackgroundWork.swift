import Foundation

/// Long computations, one at a time, beside the few threads that requests and messages share: on two cores, two of them
/// would leave nobody to answer.
final class BackgroundWork: Sendable {
    /// nil: on the caller's thread, in a simulation.
    private let queue: DispatchQueue?

    init(_ label: String, context: ControllerContext) {
        queue = context.isStepped ? nil : DispatchQueue(label: "martlet.\(label)", qos: .utility)
    }

    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        guard let queue else { return try body() }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result(catching: body)) }
        }
    }
}
