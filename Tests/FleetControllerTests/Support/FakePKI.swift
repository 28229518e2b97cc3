import FleetCrypto
import FleetModel
import Synchronization

@testable import FleetController

/// Keys without certificates.
final class FakePKI: DevicePKI {
    private struct State {
        var keys: [DeviceID: SigningKey] = [:]
        var revoked: [String] = []
    }

    private let state = Mutex(State())

    func issue(_ device: DeviceID) throws -> IssuedIdentity {
        let key = try SigningKey.generate()
        state.withLock { $0.keys[device] = key }
        return IssuedIdentity(files: [:], signingKey: key.publicKey, certificateSerial: "serial-\(device)")
    }

    func revoke(_ device: DeviceID, serial: String?) throws {
        state.withLock { $0.revoked.append(serial ?? "") }
    }

    func key(_ device: DeviceID) -> SigningKey? { state.withLock { $0.keys[device] } }
    var revoked: [String] { state.withLock { $0.revoked } }
}
