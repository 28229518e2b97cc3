internal import CMosquitto
import Glibc
import Synchronization

/// The loop's inside: one thread that waits on epoll and runs timers, sources and work handed over from elsewhere.
///
/// `@unchecked Sendable`: `inbox` is behind a mutex and `wakeDescriptor` never changes; everything under "Confined" is
/// touched by the loop's thread alone (before `start` by nobody), which `preconditionOnLoop` checks in debug builds.
final class LoopCore: @unchecked Sendable {
    typealias Work = @Sendable () -> Void

    struct Inbox {
        var work: [Work] = []
        var stopping = false
        var started = false
        var thread: pthread_t?
        var isJoinable = false
        var nextID: UInt64 = 1
    }

    let inbox = Mutex(Inbox())
    private let wakeDescriptor: Int32

    // MARK: Confined to the loop's thread

    private var epoll: Epoll
    private var timers = TimerQueue<Work>()
    private var sources: [UInt64: (Readiness) -> Void] = [:]
    private var watches: [Int32: (token: UInt64, interest: Readiness)] = [:]
    var drivers: [ObjectIdentifier: ClientDriver] = [:]
    var handshakes = HandshakeGate()

    /// The token of the eventfd that wakes the loop.
    private static let wakeToken: UInt64 = 0
    /// How often each connected client looks at its keep-alive.
    static let keepAliveSweepMilliseconds: Int64 = 1000

    init() throws(MQTTError) {
        epoll = try Epoll()
        wakeDescriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard wakeDescriptor >= 0 else {
            throw MQTTError(.systemCallFailed, "eventfd: \(errnoText()); raise the open file limit (ulimit -n)")
        }
        guard epoll.add(wakeDescriptor, token: Self.wakeToken, interest: .readable) else {
            throw MQTTError(.systemCallFailed, "epoll_ctl on eventfd: \(errnoText())")
        }
    }

    deinit { close(wakeDescriptor) }

    // MARK: From any thread

    var isOnLoop: Bool {
        inbox.withLock { inbox in
            guard let thread = inbox.thread else { return false }
            return pthread_equal(thread, pthread_self()) != 0
        }
    }

    /// The thread, for the one who will join or detach it; nil for everybody after.
    func takeJoinableThread() -> pthread_t? {
        inbox.withLock { inbox in
            defer { inbox.isJoinable = false }
            return inbox.isJoinable ? inbox.thread : nil
        }
    }

    /// A number that no timer, source or message of this loop had before.
    func nextID() -> UInt64 {
        inbox.withLock { inbox in
            defer { inbox.nextID += 1 }
            return inbox.nextID
        }
    }

    /// Runs `work` on the loop's thread, never at once, in the order of the calls.
    /// False: the loop is stopping, and `work` will not run.
    @discardableResult
    func perform(_ work: @escaping Work) -> Bool {
        let position = inbox.withLock { inbox -> Int? in
            if inbox.stopping { return nil }
            inbox.work.append(work)
            return inbox.work.count
        }
        if position == 1 { wake() }
        return position != nil
    }

    /// Runs `work` at once when called on the loop's thread, else hands it over.
    func performNowIfOnLoop(_ work: @escaping Work) {
        if isOnLoop { work() } else { perform(work) }
    }

    func wake() {
        var one: UInt64 = 1
        _ = write(wakeDescriptor, &one, 8)
    }

    // MARK: Timers

    func schedule(_ id: TimerID, at deadline: Int64, _ work: @escaping Work) {
        preconditionOnLoop()
        timers.insert(id, at: deadline, work)
    }

    func schedule(after milliseconds: Int64, _ work: @escaping Work) -> TimerID {
        let id = TimerID(rawValue: nextID())
        schedule(id, at: monotonicMilliseconds() + max(0, milliseconds), work)
        return id
    }

    func cancel(_ id: TimerID) {
        preconditionOnLoop()
        timers.cancel(id)
    }

    // MARK: Sources

    /// Starts to watch a descriptor; the answer is the token to change or end that with, or nil if epoll refused.
    func addSource(_ fd: Int32, interest: Readiness, handler: @escaping (Readiness) -> Void) -> UInt64? {
        preconditionOnLoop()
        let token = nextID()
        guard epoll.add(fd, token: token, interest: interest) else { return nil }
        sources[token] = handler
        return token
    }

    func modifySource(_ token: UInt64, fd: Int32, interest: Readiness) {
        guard sources[token] != nil else { return }
        _ = epoll.modify(fd, token: token, interest: interest)
    }

    /// Forgets a source. `fd` is nil when the descriptor is closed already: then its number may belong to another.
    func removeSource(_ token: UInt64, fd: Int32?) {
        guard sources.removeValue(forKey: token) != nil, let fd else { return }
        epoll.remove(fd)
    }

    func watch(_ fd: Int32, interest: Readiness, handler: @escaping @Sendable (Readiness) -> Void) -> Bool {
        unwatch(fd)
        guard let token = addSource(fd, interest: interest, handler: handler) else { return false }
        watches[fd] = (token: token, interest: interest)
        return true
    }

    func rewatch(_ fd: Int32, interest: Readiness) {
        preconditionOnLoop()
        guard let watch = watches[fd], watch.interest != interest else { return }
        watches[fd] = (token: watch.token, interest: interest)
        modifySource(watch.token, fd: fd, interest: interest)
    }

    func unwatch(_ fd: Int32) {
        preconditionOnLoop()
        guard let watch = watches.removeValue(forKey: fd) else { return }
        removeSource(watch.token, fd: fd)
    }

    // MARK: Handshakes

    /// Gives the place of a handshake that ended to the next client that still wants it. Not at once: a client whose
    /// attempt fails immediately would come back here, once for each client that waits.
    func leaveHandshake() {
        perform { [weak self] in self?.grantHandshake() }
    }

    private func grantHandshake() {
        while let next = handshakes.leave() {
            if let driver = drivers[next], driver.handshakeGranted() { return }
        }
    }

    // MARK: The thread

    /// The body of the loop's thread: returns after `stop`.
    func run() {
        sweepKeepAlive()
        while !inbox.withLock({ $0.stopping }) {
            runInbox()
            while let work = timers.popDue(now: monotonicMilliseconds()) { work() }
            for index in 0..<epoll.wait(milliseconds: timeToWait()) {
                let event = epoll.event(index)
                if event.token == Self.wakeToken { drainWakeups() } else { sources[event.token]?(event.readiness) }
            }
        }
        runInbox()
        for driver in drivers.values { driver.destroy() }
        drivers.removeAll()
        sources.removeAll()
    }

    private func runInbox() {
        let work = inbox.withLock { inbox in
            defer { inbox.work = [] }
            return inbox.work
        }
        for item in work { item() }
    }

    private func timeToWait() -> Int32 {
        if inbox.withLock({ !$0.work.isEmpty || $0.stopping }) { return 0 }
        guard let deadline = timers.nextDeadline() else { return -1 }
        return Int32(clamping: max(0, deadline - monotonicMilliseconds()))
    }

    private func drainWakeups() {
        var count: UInt64 = 0
        _ = read(wakeDescriptor, &count, 8)
    }

    private func sweepKeepAlive() {
        for driver in drivers.values { driver.checkKeepAlive() }
        _ = schedule(after: Self.keepAliveSweepMilliseconds) { [weak self] in self?.sweepKeepAlive() }
    }

    func preconditionOnLoop() {
        assert(isOnLoop, "call this on the loop's thread: MQTTLoop.perform brings you there")
    }
}

/// Lets a bounded number of clients shake hands at a time: a fleet that returns at once would otherwise overflow the
/// broker's accept queue (100 in mosquitto), and the kernel would answer with seconds of silence.
struct HandshakeGate {
    /// Handshakes under way on one loop.
    static let maximumConcurrent = 64

    private var active = 0
    private var waiting: [ObjectIdentifier] = []
    private var head = 0

    /// True: go on now. False: the client waits and will be given by `leave`.
    mutating func enter(_ client: ObjectIdentifier) -> Bool {
        if active < Self.maximumConcurrent {
            active += 1
            return true
        }
        waiting.append(client)
        return false
    }

    /// One handshake ended: the client whose turn it is, if any, which then holds the place.
    mutating func leave() -> ObjectIdentifier? {
        guard head < waiting.count else {
            waiting.removeAll()
            head = 0
            active -= 1
            return nil
        }
        head += 1
        return waiting[head - 1]
    }
}
