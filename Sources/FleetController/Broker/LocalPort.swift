import Glibc

/// TCP ports of this machine.
enum LocalPort {
    /// A port that nobody listens on now.
    static func free(on address: String) throws -> Int {
        guard let port = bound(0, on: address) else {
            throw ControllerError(
                .unavailable, "cannot bind to \(address): \(String(cString: strerror(errno)))",
                hint: "broker.address must be an address of this machine")
        }
        return port
    }

    /// Whether a server could listen on `port`.
    static func isFree(_ port: Int, on address: String) -> Bool { bound(port, on: address) != nil }

    /// Binds and lets go again.
    private static func bound(_ port: Int, on address: String) -> Int? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address, String(port), &hints, &list) == 0, let info = list?.pointee else { return nil }
        defer { freeaddrinfo(list) }
        let descriptor = socket(info.ai_family, info.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), info.ai_protocol)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // As mosquitto does: connections of its predecessor that linger do not count.
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard bind(descriptor, info.ai_addr, info.ai_addrlen) == 0, listen(descriptor, 1) == 0 else { return nil }
        return port != 0 ? port : boundPort(of: descriptor)
    }

    private static func boundPort(of descriptor: Int32) -> Int? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard code == 0 else { return nil }
        // The port stands at the same place in sockaddr_in and sockaddr_in6.
        return withUnsafeBytes(of: &storage) { Int(UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self))) }
    }
}
