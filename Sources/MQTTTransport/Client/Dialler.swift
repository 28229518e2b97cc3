import Glibc

/// Keeps name resolution, which blocks, away from the loop.
enum Dialler {
    /// False for addresses and `localhost`, which `getaddrinfo` answers without asking anybody.
    static func needsNameServer(_ host: String) -> Bool {
        if host == "localhost" { return false }
        var v4 = in_addr()
        var v6 = in6_addr()
        return inet_pton(AF_INET, host, &v4) != 1 && inet_pton(AF_INET6, host, &v6) != 1
    }

    /// Runs `work` on a short-lived thread. There are never more of them than `HandshakeGate.maximumConcurrent`, plus
    /// those whose attempt was given up while the name server kept silent. Without a thread the work is done here.
    static func onOwnThread(_ work: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(WorkBox(work))
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { pointer in
                guard let pointer else { return nil }
                Unmanaged<WorkBox>.fromOpaque(pointer).takeRetainedValue().work()
                return nil
            }, box.toOpaque())
        if result == 0 {
            pthread_detach(thread)
        } else {
            box.release()
            work()
        }
    }

    private final class WorkBox: Sendable {
        let work: @Sendable () -> Void
        init(_ work: @escaping @Sendable () -> Void) { self.work = work }
    }
}
