import Synchronization

/// Counts and times of answered requests, by method, route and status.
final class RequestMetrics: Sendable {
    /// Upper ends of the buckets, in seconds.
    static let buckets: [Double] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

    struct Key: Hashable, Comparable, Sendable {
        var method: String
        var route: String
        var status: Int

        static func < (a: Key, b: Key) -> Bool { (a.route, a.method, a.status) < (b.route, b.method, b.status) }
    }

    struct State: Sendable {
        var requests: [Key: Int] = [:]
        var bucketCounts = [Int](repeating: 0, count: RequestMetrics.buckets.count)
        var count = 0
        var seconds = 0.0
    }

    private let state = Mutex(State())

    func record(_ key: Key, seconds: Double) {
        state.withLock { state in
            state.requests[key, default: 0] += 1
            for (index, end) in Self.buckets.enumerated() where seconds <= end { state.bucketCounts[index] += 1 }
            state.count += 1
            state.seconds += seconds
        }
    }

    var snapshot: State { state.withLock { $0 } }
}
