internal import CMosquitto
import Glibc

/// What a file descriptor is ready for.
public struct Readiness: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let readable = Readiness(rawValue: 1)
    public static let writable = Readiness(rawValue: 2)
    /// The peer hung up, or the descriptor is broken: reading will tell which. Always reported, never asked for.
    public static let hangup = Readiness(rawValue: 4)
}

/// The three calls of epoll(7), level-triggered. Sources are named by tokens that are never reused, so that an event of
/// a descriptor that was closed in the same batch finds nobody.
struct Epoll: ~Copyable {
    /// Events taken per call: enough to amortise the call, few enough to look at timers in between.
    static let batch = 256

    private let descriptor: Int32
    private var buffer: [epoll_event]

    init() throws(MQTTError) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard descriptor >= 0 else {
            throw MQTTError(.systemCallFailed, "epoll_create1: \(errnoText()); raise the open file limit (ulimit -n)")
        }
        buffer = [epoll_event](repeating: epoll_event(), count: Self.batch)
    }

    deinit { close(descriptor) }

    func add(_ fd: Int32, token: UInt64, interest: Readiness) -> Bool {
        var event = Self.event(token: token, interest: interest)
        return epoll_ctl(descriptor, EPOLL_CTL_ADD, fd, &event) == 0
    }

    func modify(_ fd: Int32, token: UInt64, interest: Readiness) -> Bool {
        var event = Self.event(token: token, interest: interest)
        return epoll_ctl(descriptor, EPOLL_CTL_MOD, fd, &event) == 0
    }

    func remove(_ fd: Int32) {
        var event = epoll_event()
        _ = epoll_ctl(descriptor, EPOLL_CTL_DEL, fd, &event)
    }

    /// Waits at most `milliseconds` (−1: without end) and gives how many are ready; `event` tells which.
    mutating func wait(milliseconds: Int32) -> Int {
        max(0, Int(epoll_wait(descriptor, &buffer, Int32(Self.batch), milliseconds)))
    }

    func event(_ index: Int) -> (token: UInt64, readiness: Readiness) {
        (token: buffer[index].data.u64, readiness: Self.readiness(of: buffer[index].events))
    }

    private static func event(token: UInt64, interest: Readiness) -> epoll_event {
        var event = epoll_event()
        if interest.contains(.readable) { event.events |= EPOLLIN.rawValue }
        if interest.contains(.writable) { event.events |= EPOLLOUT.rawValue }
        event.data.u64 = token
        return event
    }

    private static func readiness(of events: UInt32) -> Readiness {
        var result: Readiness = []
        if events & EPOLLIN.rawValue != 0 { result.insert(.readable) }
        if events & EPOLLOUT.rawValue != 0 { result.insert(.writable) }
        if events & (EPOLLHUP.rawValue | EPOLLERR.rawValue | EPOLLRDHUP.rawValue) != 0 { result.insert(.hangup) }
        return result
    }
}

/// The text of the calling thread's last system error.
func errnoText() -> String {
    String(cString: strerror(errno))
}

/// Milliseconds of a clock that never goes back.
func monotonicMilliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}
