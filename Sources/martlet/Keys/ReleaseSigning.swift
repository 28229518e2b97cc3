import ArgumentParser
import FleetClient
import FleetCrypto
import FleetModel
import FleetWire
import Foundation

/// Signing a release. What is signed is made here from the manifest, never taken from the controller: it could have
/// anything else signed under a release's name.
enum ReleaseSigning {
    /// Signs with a key at hand and hands the signature in.
    static func sign(_ release: String, with key: SigningKey, api: FleetClient) async throws -> JSONValue {
        var message = try await unsigned(release, api: api)
        try message.sign(.release, keyID: key.keyID, using: key.sign)
        guard let signature = message.signatures.last else { return .null }
        return try await handIn(signature, for: release, api: api)
    }

    /// The release's manifest as a message without signatures.
    static func unsigned(_ release: String, api: FleetClient) async throws -> COSESign {
        let path = "/api/v1/releases/\(release)/unsigned"
        let bytes = try await api.download(path)
        guard let message = try? COSESign(decoding: bytes),
            let manifest = try? ReleaseManifest(decoding: message.payload), manifest.name.text == release
        else {
            throw FleetClientError.malformed(path: path, reason: "it is not release '\(release)'")
        }
        return COSESign(payload: message.payload)
    }

    /// Posts one signature.
    static func handIn(
        _ signature: COSESign.Signature, for release: String, api: FleetClient
    ) async throws -> JSONValue {
        try await api.post(
            "/api/v1/releases/\(release)/signatures",
            [
                "keyId": .string(signature.keyID.text),
                "signature": .string(Data(signature.signature).base64EncodedString()),
            ])
    }

    /// Reads a release's file.
    static func message(file: String) throws -> COSESign {
        do {
            let message = try COSESign(decoding: try Arguments.file(file))
            _ = try ReleaseManifest(decoding: message.payload)
            return message
        } catch let error as WireError {
            throw ValidationError("\(file) is no release: \(error)")
        }
    }

    /// What a person puts a name to.
    static func summary(_ manifest: ReleaseManifest) -> String {
        let parts = manifest.parts.map { part in
            if case .agent(let name) = part.kind {
                "THE DEVICES' OWN PROGRAM \(name): \(part.version), \(part.image.digest) (\(part.image.bytes) bytes)"
            } else {
                "slot \(part.slot): \(part.version), image \(part.image.digest) (\(part.image.bytes) bytes)"
            }
        }
        let bound = manifest.scope.isEmpty ? "any device" : manifest.scope.joined(separator: " or ")
        let hardware = manifest.compatibility.hardware
        return
            ([
                "release \(manifest.name), counter \(manifest.counter), made \(RolesDocument.text(manifest.created)), "
                    + "expires \(RolesDocument.text(manifest.expires))"
            ] + parts + [
                "for \(bound), hardware \(hardware.isEmpty ? "any" : hardware.joined(separator: ", ")), "
                    + "runtime \(manifest.compatibility.runtime) or newer",
                "may return to: "
                    + (manifest.mayReturnTo.isEmpty
                        ? "nothing" : manifest.mayReturnTo.map(\.description).joined(separator: ", ")),
            ]).joined(separator: "\n")
    }
}
