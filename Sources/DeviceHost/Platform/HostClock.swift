import DeviceCore
package import FleetModel
import Glibc

/// The clocks of a machine.
package protocol TimeSource: Sendable {
    /// What the wall clock says; it may be set forward and back.
    var system: Instant { get }
    /// Microseconds of a clock that only runs forward.
    var monotonicMicroseconds: Int { get }
}

/// Reads a machine's clocks for a `DeviceClock`.
struct HostClock {
    var device: DeviceClock
    private let source: any TimeSource

    init(floor: Instant, source: any TimeSource) {
        self.source = source
        device = DeviceClock(
            floor: floor, system: source.system, monotonic: Int64(source.monotonicMicroseconds / 1000))
    }

    mutating func now() -> Instant { device.now(system: source.system, monotonic: milliseconds) }

    mutating func learn(_ instant: Instant) -> Bool { device.learn(instant, monotonic: milliseconds) }

    var microseconds: Int { source.monotonicMicroseconds }
    var milliseconds: Int64 { Int64(source.monotonicMicroseconds / 1000) }
}

/// The operating system's clocks.
struct SystemTime: TimeSource {
    var monotonicMicroseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int(time.tv_sec) * 1_000_000 + Int(time.tv_nsec) / 1000
    }

    var system: Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}
