import DeviceCore
import DeviceHost
import FleetCrypto
import FleetModel
import Foundation
import MQTTTransport
import Synchronization

/// A device in a folder of its own, that can be stopped or dropped and started again.
final class TestDevice: Sendable {
    let id: DeviceID
    let folder: URL
    let signingKey: SigningKey
    private let configuration: DeviceConfiguration
    private let loop: MQTTLoop
    private let running = Mutex<DeviceHost?>(nil)
    let notices = Mutex<[String]>([])

    init(_ name: String, controller: TestController, broker: TestBroker, limits: DeviceLimits = TestDevice.limits)
        throws
    {
        id = try DeviceID(name)
        loop = controller.loop
        folder = FileManager.default.temporaryDirectory.appending(path: "device-\(UUID().uuidString)")
        signingKey = try SigningKey.generate()
        configuration = DeviceConfiguration(
            device: id, folder: folder.path(), brokerHost: "127.0.0.1", brokerPort: broker.port, tls: nil,
            signingKey: signingKey, rootKey: TestTrust.trusted(controller.trust.root, "root"), limits: limits, seed: 7)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    static var limits: DeviceLimits {
        var limits = DeviceLimits()
        limits.update.probation.inferences = 5
        limits.update.probation.duration = Interval(milliseconds: 60_000)
        limits.update.backoff = Interval(milliseconds: 100)
        limits.startSpread = Interval(milliseconds: 0)
        limits.manifestTimeout = Interval(milliseconds: 1500)
        limits.pull.timeout = Interval(milliseconds: 300)
        limits.spool.resendAfter = Interval(milliseconds: 500)
        return limits
    }

    var host: DeviceHost? { running.withLock { $0 } }

    func start() throws {
        let host = try DeviceHost(configuration: configuration, loop: loop) { [weak self] notice in
            self?.notices.withLock { $0.append("\(notice)") }
        }
        running.withLock { $0 = host }
        host.start()
    }

    /// Stops in order.
    func stop() {
        let done = DispatchSemaphore(value: 0)
        host?.stop { done.signal() }
        done.wait()
        running.withLock { $0 = nil }
    }

    /// Lets go of the host without a word, as a power cut does.
    func drop() {
        let done = DispatchSemaphore(value: 0)
        loop.perform { [self] in
            running.withLock { $0 = nil }
            done.signal()
        }
        done.wait()
    }

    /// Runs on the loop and waits.
    func onLoop<Value: Sendable>(_ body: @escaping @Sendable (DeviceHost) -> Value) -> Value? {
        guard let host else { return nil }
        let done = DispatchSemaphore(value: 0)
        let result = Mutex<Value?>(nil)
        loop.perform {
            let value = body(host)
            result.withLock { $0 = value }
            done.signal()
        }
        done.wait()
        return result.withLock { $0 }
    }

    func infer(_ frame: [Float], tag: String = "") -> Result<Inference, DeviceError>? {
        onLoop { host in
            do throws(DeviceError) { return .success(try host.infer(frame: frame, tag: tag)) } catch {
                return .failure(error)
            }
        }
    }

    var status: SlotStatus? { onLoop { $0.status.first } ?? nil }
}
