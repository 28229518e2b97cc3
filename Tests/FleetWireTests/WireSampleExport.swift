import FleetCrypto
import FleetModel
import FleetWire
import Foundation
import Testing

/// Writes the samples for `Tests/peers/wire_test.py`, which reads them with foreign software.
@Suite struct WireSampleExport {
    private static let folder = ProcessInfo.processInfo.environment["MARTLET_WIRE_SAMPLES_OUT"]

    @Test("samples are written for the foreign readers", .enabled(if: folder != nil))
    func export() throws {
        let folder = URL(fileURLWithPath: try #require(Self.folder), isDirectory: true)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (index, sample) in WireSamples.all.enumerated() {
            let file = folder.appendingPathComponent("\(sample.rule).\(index)")
            try Data(sample.encoded).write(to: file.appendingPathExtension("cbor"))
            try Data(sample.json.utf8).write(to: file.appendingPathExtension("json"))
        }
        for context in COSESign.Context.allCases { try export(context, to: folder) }
    }

    /// A message with two signatures, and beside it the context and the public keys.
    private func export(_ context: COSESign.Context, to folder: URL) throws {
        let payload = WireSamples.manifest.encoded()
        let keys = [try SigningKey.generate(), try SigningKey.generate()]
        let signatures = try keys.map { key in
            COSESign.Signature(
                keyID: key.keyID,
                signature: try key.sign(COSESign.toBeSigned(payload: payload, context: context, keyID: key.keyID)))
        }
        let file = folder.appendingPathComponent("\(context)")
        try Data(COSESign(payload: payload, signatures: signatures).encoded()).write(
            to: file.appendingPathExtension("cose"))
        let publicKeys = keys.map { "\"\($0.keyID)\":\"\(Hexadecimal.text($0.publicKey))\"" }.joined(separator: ",")
        let json = "{\"context\":\"\(context.rawValue)\",\"keys\":{\(publicKeys)}}"
        try Data(json.utf8).write(to: file.appendingPathExtension("keys"))
    }
}
