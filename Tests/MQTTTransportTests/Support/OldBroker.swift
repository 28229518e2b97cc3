import Glibc
import MQTTTransport
import Synchronization

/// A 3.1.1-only front of a real broker: answers a CONNECT of MQTT 5 as such brokers do, and passes everything else on.
final class OldBroker: Sendable {
    enum Manner: CaseIterable {
        /// CONNACK with 3.1.1's return code 1, then hangs up (MQTT 3.1.1, section 3.1.2.2).
        case saysUnacceptable
        /// Hangs up without a word.
        case hangsUp
    }

    let port: Int
    private let listener: Int32
    private let refusedCount = Mutex(0)

    /// How many MQTT 5 connections were turned away.
    var refused: Int { refusedCount.withLock { $0 } }

    init(infrontOf brokerPort: Int, manner: Manner) throws {
        listener = TCP.listen(port: 0)
        port = TCP.port(of: listener)
        let listener = self.listener
        Self.thread { [self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                Self.thread { [self] in serve(client, brokerPort: brokerPort, manner: manner) }
            }
        }
    }

    func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        Glibc.close(listener)
    }

    private func serve(_ client: Int32, brokerPort: Int, manner: Manner) {
        var first = [UInt8](repeating: 0, count: 4096)
        let count = read(client, &first, first.count)
        // Fixed header (2 bytes here), "MQTT" with its length (6 bytes), then the protocol level.
        guard count > 8 else { return }
        if first[8] == 5 {
            refusedCount.withLock { $0 += 1 }
            if manner == .saysUnacceptable { write(client, [0x20, 0x02, 0x00, 0x01], 4) }
            Glibc.close(client)
            return
        }
        let broker = TCP.dial(port: brokerPort)
        write(broker, first, count)
        Self.thread { Self.pump(from: broker, to: client) }
        Self.pump(from: client, to: broker)
    }

    private static func pump(from source: Int32, to target: Int32) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(source, &buffer, buffer.count)
            guard count > 0, write(target, buffer, count) == count else { break }
        }
        shutdown(target, Int32(SHUT_WR))
    }

    private static func thread(_ body: @escaping @Sendable () -> Void) {
        final class Box: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        let box = Unmanaged.passRetained(Box(body)).toOpaque()
        pthread_create(
            &thread, nil,
            { pointer in
                if let pointer { Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().body() }
                return nil
            }, box)
        pthread_detach(thread)
    }
}
