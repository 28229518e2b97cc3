import Foundation
import Glibc

@testable import DeviceHost

/// A client of the local API that sends what it is told, byte for byte.
struct LocalClient {
    let descriptor: Int32

    init(_ address: LocalAddress) throws {
        switch address {
        case .loopback(let port):
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var name = TestBroker.address(port: port)
            _ = withUnsafePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        case .unix(let path):
            descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var name = sockaddr_un()
            name.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
            _ = withUnsafePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Sends a request and reads one answer: status, head and body.
    func send(
        _ method: String, _ path: String, body: [UInt8] = [], headers: [String] = []
    ) -> (status: Int, head: String, body: [UInt8]) {
        var request = "\(method) \(path) HTTP/1.1\r\nHost: x\r\n"
        for header in headers { request += "\(header)\r\n" }
        if !body.isEmpty { request += "Content-Length: \(body.count)\r\n" }
        let bytes = Array((request + "\r\n").utf8) + body
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        return receive()
    }

    private func receive() -> (status: Int, head: String, body: [UInt8]) {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            if let end = String(decoding: bytes, as: UTF8.self).range(of: "\r\n\r\n") {
                let head = String(String(decoding: bytes, as: UTF8.self)[..<end.lowerBound])
                let length =
                    head.split(separator: "\r\n").first { $0.hasPrefix("Content-Length: ") }
                    .flatMap { Int($0.dropFirst(16)) } ?? 0
                let start = head.utf8.count + 4
                if bytes.count >= start + length {
                    return (Int(head.dropFirst(9).prefix(3)) ?? 0, head, Array(bytes[start..<start + length]))
                }
            }
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return (0, "", bytes) }
            bytes += buffer[..<count]
        }
    }

    func json(_ method: String, _ path: String, _ text: String = "") throws -> (status: Int, value: JSON) {
        let answer = send(method, path, body: Array(text.utf8))
        return (answer.status, answer.body.isEmpty ? .null : try JSONReader.read(answer.body))
    }
}
