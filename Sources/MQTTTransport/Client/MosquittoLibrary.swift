internal import CMosquitto
import Glibc
import Synchronization

/// libmosquitto as a whole: its one initialisation, its texts, and the fact about it that no function tells.
enum MosquittoLibrary {
    private static let initialised = Mutex(false)

    /// `mosquitto_lib_init`, once per process. A peer that resets the connection must not end the process by SIGPIPE:
    /// libmosquitto writes with write(2), so the signal is ignored unless the program has a handler of its own.
    static func prepare() throws(MQTTError) {
        let code = initialised.withLock { done -> Int32 in
            if done { return Int32(MOSQ_ERR_SUCCESS.rawValue) }
            ignoreBrokenPipes()
            let code = mosquitto_lib_init()
            done = code == MOSQ_ERR_SUCCESS.rawValue
            return code
        }
        guard code == MOSQ_ERR_SUCCESS.rawValue else {
            throw MQTTError(.libraryFailed, "mosquitto_lib_init: \(text(ofError: code))")
        }
    }

    private static func ignoreBrokenPipes() {
        var current = sigaction()
        guard sigaction(SIGPIPE, nil, &current) == 0 else { return }
        if current.__sigaction_handler.sa_handler == nil { signal(SIGPIPE, SIG_IGN) }
    }

    /// The text of one of the library's own error codes.
    static func text(ofError code: Int32) -> String {
        if code == MOSQ_ERR_ERRNO.rawValue { return errnoText() }
        return trimmed(String(cString: mosquitto_strerror(code)))
    }

    /// A broker's reason code in words.
    static func reason(_ code: Int32, protocolLevel: Int) -> MQTTReason {
        let text = protocolLevel == 5 ? mosquitto_reason_string(code) : mosquitto_connack_string(code)
        return MQTTReason(code: UInt8(truncatingIfNeeded: code), text: trimmed(String(cString: text!)))
    }

    private static func trimmed(_ text: String) -> String {
        var text = Substring(text)
        while let last = text.last, last == "." || last == "\n" || last == " " { text.removeLast() }
        return String(text)
    }

    /// Points the client's internal socket pair at /dev/null.
    ///
    /// The library writes a byte into that pair with every packet, to wake its own loop. An outside loop never reads
    /// it, so it would fill, and cost two sockets per client. No function names the pair; the client's structure
    /// begins with `int sock, sockpairR, sockpairW` (mosquitto_internal.h of 1.5 to 2.0). Nothing is touched unless
    /// what is found there is "no socket yet" followed by two local stream sockets.
    static func silenceSocketPair(of client: OpaquePointer) {
        let fields = UnsafeRawPointer(client).assumingMemoryBound(to: Int32.self)
        let pair = [fields[1], fields[2]]
        guard fields[0] == -1, pair.allSatisfy(isLocalStreamSocket) else { return }
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard null >= 0 else { return }
        for descriptor in pair {
            dup2(null, descriptor)
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
        close(null)
    }

    private static func isLocalStreamSocket(_ descriptor: Int32) -> Bool {
        guard descriptor > 2 else { return false }
        var domain: Int32 = 0
        var kind: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 else { return false }
        length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &kind, &length) == 0 else { return false }
        return domain == AF_UNIX && kind == Int32(SOCK_STREAM.rawValue)
    }
}
