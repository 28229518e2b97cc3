import Foundation
import Synchronization

/// What a service manager does for an agent: starts it again whenever it ends.
final class ServiceLoop: @unchecked Sendable {
    private struct State {
        var isOver = false
        var ends = 0
    }

    private let state = Mutex(State())
    private let agent: TestAgent
    private let done = DispatchSemaphore(value: 0)

    init(_ agent: TestAgent) throws {
        self.agent = agent
        Thread.detachNewThread { [self] in
            while !state.withLock({ $0.isOver }) {
                guard (try? agent.start()) != nil, let process = agent.process else { break }
                process.waitUntilExit()
                state.withLock { $0.ends += 1 }
                usleep(50_000)
            }
            done.signal()
        }
    }

    /// How often the process ended.
    var ends: Int { state.withLock { $0.ends } }

    /// Ends the agent, and starts it no more.
    func stop() {
        state.withLock { $0.isOver = true }
        if let process = agent.process { kill(process.processIdentifier, SIGKILL) }
        done.wait()
    }
}
