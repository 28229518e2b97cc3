import FleetModel
import FleetStore

/// A sampling policy as the HTTP API takes it: what it leaves out stays as it was.
public struct SamplingDocument: Codable, Hashable, Sendable {
    /// Devices that it governs.
    public var selector: String
    /// Off for devices that are held out: they send no samples.
    public var enabled: Bool?
    /// Probability of the surest frame, 0...1.
    public var floor: Float?
    /// Added in proportion to `1 - margin`, 0...1.
    public var slope: Float?
    public var bytesPerDay: Int?
    public var burstBytes: Int?
    /// Seconds between reports, 1...86400.
    public var reportSeconds: Int?

    /// A policy with these fields changed.
    func applied(to policy: DevicePolicy) -> DevicePolicy {
        var policy = policy
        if let enabled { policy.sampling.enabled = enabled }
        if let floor { policy.sampling.floor = floor }
        if let slope { policy.sampling.slope = slope }
        if let bytesPerDay { policy.sampling.bytesPerDay = bytesPerDay }
        if let burstBytes { policy.sampling.burstBytes = burstBytes }
        if let reportSeconds { policy.reportInterval = .seconds(Int64(reportSeconds)) }
        return policy
    }

    /// Throws what is wrong with it.
    func validate() throws(ControllerError) {
        do { _ = try Selector(selector) } catch { throw ControllerError(.invalid, error.description) }
        for (name, value) in [("floor", floor), ("slope", slope)] {
            guard value.map({ (0...1).contains($0) }) ?? true else {
                throw ControllerError(.invalid, "\(name) must be between 0 and 1")
            }
        }
        for (name, value) in [("bytesPerDay", bytesPerDay), ("burstBytes", burstBytes)] {
            guard value.map({ (0...(1 << 40)).contains($0) }) ?? true else {
                throw ControllerError(.invalid, "\(name) must be between 0 and 1 TiB")
            }
        }
        guard reportSeconds.map({ (1...86_400).contains($0) }) ?? true else {
            throw ControllerError(.invalid, "reportSeconds must be between 1 and 86400")
        }
    }
}
