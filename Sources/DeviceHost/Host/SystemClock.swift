import DeviceCore
import FleetModel
import Glibc

/// Reads the operating system's clocks for a `DeviceClock`.
struct SystemClock {
    var device: DeviceClock

    init(floor: Instant) {
        device = DeviceClock(floor: floor, system: Self.system, monotonic: Self.monotonicMilliseconds)
    }

    mutating func now() -> Instant { device.now(system: Self.system, monotonic: Self.monotonicMilliseconds) }

    mutating func learn(_ instant: Instant) -> Bool {
        device.learn(instant, monotonic: Self.monotonicMilliseconds)
    }

    /// Microseconds of a clock that only runs forward.
    static var monotonicMicroseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int(time.tv_sec) * 1_000_000 + Int(time.tv_nsec) / 1000
    }

    private static var monotonicMilliseconds: Int64 { Int64(monotonicMicroseconds / 1000) }

    private static var system: Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}
