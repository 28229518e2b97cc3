import Glibc

/// Listening sockets.
enum LocalSocket {
    /// Connections that wait to be accepted.
    private static let backlog: Int32 = 128

    /// Binds and listens; gives the address with the port that was chosen.
    static func listen(_ address: LocalAddress) throws(DeviceError) -> (descriptor: Int32, address: LocalAddress) {
        switch address {
        case .unix(let path): return (try listen(path: path), address)
        case .loopback(let port):
            let descriptor = try listen(port: port)
            return (descriptor, .loopback(port: Self.port(of: descriptor)))
        }
    }

    /// The next waiting connection, not blocking; negative if there is none.
    static func accept(_ listener: Int32) -> Int32 {
        let descriptor = Glibc.accept(listener, nil, nil)
        guard descriptor >= 0 else { return descriptor }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }

    private static func listen(path: String) throws(DeviceError) -> Int32 {
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let capacity = MemoryLayout.size(ofValue: name.sun_path)
        guard !bytes.isEmpty, bytes.count < capacity else {
            throw DeviceError(.socketFailed, "\(path): a socket's path has 1 to \(capacity - 1) bytes")
        }
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: bytes) }
        unlink(path)
        return try listen(AF_UNIX, &name, "unix:\(path)") { _ in chmod(path, 0o660) == 0 }
    }

    private static func listen(port: Int) throws(DeviceError) -> Int32 {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return try listen(AF_INET, &name, "127.0.0.1:\(port)") { _ in true }
    }

    private static func listen<Name>(
        _ family: Int32, _ name: inout Name, _ text: String, after: (Int32) -> Bool
    ) throws(DeviceError) -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else { throw failure("socket", text) }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        let bound = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<Name>.size)) == 0
            }
        }
        guard bound, after(descriptor), Glibc.listen(descriptor, backlog) == 0 else {
            let problem = failure("listen on", text)
            close(descriptor)
            throw problem
        }
        return descriptor
    }

    private static func port(of descriptor: Int32) -> Int {
        var name = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return Int(UInt16(bigEndian: name.sin_port))
    }

    private static func failure(_ verb: String, _ text: String) -> DeviceError {
        DeviceError(.socketFailed, "cannot \(verb) \(text): \(String(cString: strerror(errno)))")
    }
}
