import Glibc
import Synchronization

/// One thread with one epoll descriptor that drives any number of MQTT clients, timers and watched descriptors.
///
/// libmosquitto's own loop waits with select(), which fails silently past 1,024 descriptors; here it only ever gets
/// `loop_read`, `loop_write` and `loop_misc`. All handlers and completions run on the loop's thread and must not block.
public final class MQTTLoop: Sendable {
    let core: LoopCore

    /// Makes a loop that stands still until `start`.
    public init() throws(MQTTError) {
        try MosquittoLibrary.prepare()
        core = try LoopCore()
    }

    deinit {
        requestStop()
        let thread = core.takeJoinableThread()
        if let thread { pthread_detach(thread) }
    }

    /// Starts the thread. Calling it again changes nothing; a stopped loop stays stopped.
    public func start() {
        core.inbox.withLock { inbox in
            guard !inbox.started, !inbox.stopping else { return }
            inbox.started = true
            var thread = pthread_t()
            let argument = Unmanaged.passRetained(core)
            let result = pthread_create(
                &thread, nil,
                { pointer in
                    guard let pointer else { return nil }
                    let core = Unmanaged<LoopCore>.fromOpaque(pointer).takeRetainedValue()
                    // Waits for `start` to have written the thread's name down.
                    core.inbox.withLock { _ in }
                    core.run()
                    return nil
                }, argument.toOpaque())
            if result == 0 {
                inbox.thread = thread
                inbox.isJoinable = true
            } else {
                argument.release()
                inbox.started = false
            }
        }
    }

    /// Ends the thread after the work that was handed over before, and waits for it (unless called on the loop itself).
    /// Clients vanish without a goodbye, so that their last wills are published: `MQTTClient.disconnect` comes first.
    public func stop() {
        requestStop()
        guard !core.isOnLoop, let thread = core.takeJoinableThread() else { return }
        pthread_join(thread, nil)
    }

    private func requestStop() {
        core.inbox.withLock { $0.stopping = true }
        core.wake()
    }

    /// Makes a client of this loop. It does nothing until `connect`.
    ///
    /// - Parameter handler: called on the loop's thread with everything that happens to the client. It is kept as long
    ///   as the client: let it hold the client's owner weakly.
    public func makeClient(
        _ configuration: MQTTConfiguration, handler: @escaping @Sendable (MQTTEvent) -> Void
    ) throws(MQTTError) -> MQTTClient {
        try configuration.validate()
        return try MQTTClient(core: core, configuration: configuration, handler: handler)
    }

    /// True on the loop's own thread.
    public var isOnLoop: Bool { core.isOnLoop }

    /// Milliseconds of the monotonic clock that the loop's timers use.
    public static var now: Int64 { monotonicMilliseconds() }

    /// Runs `work` on the loop's thread, after what was handed over before, never at once.
    public func perform(_ work: @escaping @Sendable () -> Void) {
        core.perform(work)
    }

    /// Runs `work` once on the loop's thread, `milliseconds` from now.
    @discardableResult
    public func schedule(after milliseconds: Int64, _ work: @escaping @Sendable () -> Void) -> TimerID {
        let id = TimerID(rawValue: core.nextID())
        let deadline = monotonicMilliseconds() + max(0, milliseconds)
        core.performNowIfOnLoop { [core] in core.schedule(id, at: deadline, work) }
        return id
    }

    /// Forgets a timer. On the loop's thread it certainly will not fire any more; from elsewhere it may be under way.
    public func cancel(_ timer: TimerID) {
        core.performNowIfOnLoop { [core] in core.cancel(timer) }
    }

    /// Calls `handler` on the loop's thread whenever `fd` is ready, until `unwatch`. Level-triggered: it is called again
    /// while the descriptor stays ready. A second call for the same descriptor replaces the first.
    public func watch(_ fd: Int32, for interest: Readiness, handler: @escaping @Sendable (Readiness) -> Void) {
        core.performNowIfOnLoop { [core] in
            if !core.watch(fd, interest: interest, handler: handler) { handler(.hangup) }
        }
    }

    /// Changes what a watched descriptor is watched for.
    public func rewatch(_ fd: Int32, for interest: Readiness) {
        core.performNowIfOnLoop { [core] in core.rewatch(fd, interest: interest) }
    }

    /// Ends a watch. Call it before closing the descriptor, on the loop's thread if the number may be used again.
    public func unwatch(_ fd: Int32) {
        core.performNowIfOnLoop { [core] in core.unwatch(fd) }
    }
}
