package import FleetModel

/// The process that a device runs in, as far as an update of the agent touches it. Belongs on the loop's thread.
package protocol AgentProgram: AnyObject, Sendable {
    /// The program of a release that runs here; nil: the installed one.
    var running: Digest? { get }
    /// Runs the program at `path` once, to check itself and this device's configuration.
    ///
    /// - Parameter completion: told on the loop's thread.
    func check(_ path: String, on loop: any DeviceLoop, completion: @escaping @Sendable (AgentCheck) -> Void)
    /// Ends this process in order, and starts what the record says.
    func restart()
    /// The program has shown that it works: nobody ends it any more.
    func confirm()
}

/// How a program's check of itself ended.
package enum AgentCheck: Hashable, Sendable {
    case passed(microseconds: Int)
    /// What was wrong, for people.
    case failed(String)
}
