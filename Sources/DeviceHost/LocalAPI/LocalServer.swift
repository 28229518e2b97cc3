public import FleetModel
import Glibc
public import MQTTTransport

/// Where a device's local API listens.
public enum LocalAddress: Hashable, Sendable, CustomStringConvertible {
    /// A Unix socket; its file is replaced, and readable and writable by owner and group.
    case unix(path: String)
    /// Loopback TCP: 127.0.0.1 and a port, 0 for any free one.
    case loopback(port: Int)

    public var description: String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .loopback(let port): "http://127.0.0.1:\(port)"
        }
    }
}

/// Bounds of the local API.
public struct LocalAPILimits: Sendable {
    /// Connections at a time; further ones wait in the kernel's queue.
    public var connections = 64
    /// Bytes of a request's body.
    public var bodyBytes = 8 << 20
    /// Bytes of answers that wait for a slow reader; reading stops above it.
    public var outputBytes = 16 << 20
    /// A connection without a request for this long is closed; so is one whose request does not come to its end.
    public var idle = Interval.seconds(60)

    public init() {}
}

/// Serves a host's local API on the host's own loop. Everything but `init` happens on the loop's thread.
///
/// `@unchecked Sendable`: `connections` and `isPaused` are confined to that thread.
public final class LocalServer: @unchecked Sendable {
    /// Where it listens; with the port that was chosen.
    public let address: LocalAddress
    let host: DeviceHost
    let loop: MQTTLoop
    let limits: LocalAPILimits
    private let listener: Int32
    private var connections: [Int32: LocalConnection] = [:]
    private var isPaused = false

    /// Listens at once; requests are answered as soon as the loop runs.
    ///
    /// - Parameter loop: the loop that the host runs on.
    public init(
        host: DeviceHost, loop: MQTTLoop, address: LocalAddress, limits: LocalAPILimits = LocalAPILimits()
    ) throws(DeviceError) {
        self.host = host
        self.loop = loop
        self.limits = limits
        (listener, self.address) = try LocalSocket.listen(address)
        loop.watch(listener, for: .readable) { [weak self] _ in self?.accept() }
    }

    /// Stops listening and closes every connection.
    public func stop() {
        loop.perform { [self] in
            for connection in connections.values { connection.close() }
            connections.removeAll()
            loop.unwatch(listener)
            Glibc.close(listener)
            if case .unix(let path) = address { unlink(path) }
        }
    }

    private func accept() {
        while connections.count < limits.connections {
            let descriptor = LocalSocket.accept(listener)
            guard descriptor >= 0 else { return }
            let connection = LocalConnection(descriptor, server: self)
            connections[descriptor] = connection
            connection.start()
        }
        isPaused = true
        loop.unwatch(listener)
    }

    func closed(_ descriptor: Int32) {
        connections[descriptor] = nil
        guard isPaused else { return }
        isPaused = false
        loop.watch(listener, for: .readable) { [weak self] _ in self?.accept() }
    }
}

/// One connection of the local API.
final class LocalConnection {
    private let descriptor: Int32
    private unowned let server: LocalServer
    private var reader: HTTPRequestReader
    private var output: [UInt8] = []
    private var isEnding = false
    private var isClosed = false
    private var timer: TimerID?

    /// Bytes read at a time.
    private static let readBytes = 64 << 10

    init(_ descriptor: Int32, server: LocalServer) {
        self.descriptor = descriptor
        self.server = server
        reader = HTTPRequestReader(bodyLimit: server.limits.bodyBytes)
    }

    private var loop: MQTTLoop { server.loop }

    func start() {
        // The loop's closures are Sendable; they run on its thread, where this object lives.
        let box = Confined(self)
        loop.watch(descriptor, for: .readable) { box.value?.ready($0) }
        restartTimer()
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        if let timer { loop.cancel(timer) }
        loop.unwatch(descriptor)
        Glibc.close(descriptor)
    }

    private func end() {
        close()
        server.closed(descriptor)
    }

    private func restartTimer() {
        if let timer { loop.cancel(timer) }
        let box = Confined(self)
        timer = loop.schedule(after: server.limits.idle.milliseconds) { box.value?.end() }
    }

    // MARK: Reading and answering

    private func ready(_ readiness: Readiness) {
        if readiness.contains(.writable) { write() }
        guard !isClosed, readiness != .writable else { return }
        var buffer = [UInt8](repeating: 0, count: Self.readBytes)
        let count = read(descriptor, &buffer, buffer.count)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else { return end() }
        guard !isEnding else { return }
        reader.append(buffer[..<count])
        answerAll()
    }

    private func answerAll() {
        do throws(HTTPError) {
            while !isEnding, let request = try reader.next() {
                restartTimer()
                let response = InferenceAPI(host: server.host).answer(request)
                output += response.encoded(keepsAlive: request.keepsAlive, omitsBody: request.method == "HEAD")
                isEnding = !request.keepsAlive || output.count > server.limits.outputBytes
            }
            if reader.expectsContinue {
                output += Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)
                reader.continued()
            }
        } catch {
            output += HTTPResponse.failure(error.status, error.text).encoded(keepsAlive: false)
            isEnding = true
        }
        write()
    }

    private func write() {
        while !output.isEmpty {
            let count = send(descriptor, output, output.count, Int32(MSG_NOSIGNAL))
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return loop.rewatch(descriptor, for: .writable) }
            guard count > 0 else { return end() }
            output.removeFirst(count)
        }
        if isEnding { end() } else { loop.rewatch(descriptor, for: .readable) }
    }
}

/// A weak reference that closures of the loop may carry. `@unchecked Sendable`: it is looked into on the loop's thread only,
/// to which its object belongs.
private final class Confined: @unchecked Sendable {
    weak var value: LocalConnection?
    init(_ value: LocalConnection) { self.value = value }
}
