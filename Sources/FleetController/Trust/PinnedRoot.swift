import FleetCrypto
import FleetModel
public import Foundation

/// The root key that this fleet's devices pin at first: `pki/root.pub` of the data folder.
public enum PinnedRoot {
    static func file(_ dataFolder: URL) -> URL {
        dataFolder.appending(path: "pki", directoryHint: .isDirectory).appending(path: "root.pub")
    }

    /// nil on a folder that has none yet.
    static func read(_ configuration: ControllerConfiguration) throws -> TrustedKey? {
        let path = file(configuration.dataFolder).path()
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return try key(inFile: path).trusted(holder: "root")
    }

    static func key(inFile path: String) throws -> VerificationKey {
        do { return try VerificationKey(hexFile: path) } catch  where error.code == .malformed {
            throw ControllerError(.unavailable, error.context, hint: "restore it from a backup")
        }
    }

    /// Pins a root that was made elsewhere, on a data folder that has none: its private half was never here.
    ///
    /// - Throws: `conflict` if the folder has another one already.
    public static func pin(_ publicKey: [UInt8], in dataFolder: URL) throws {
        let key = try VerificationKey(raw: publicKey)
        if let held = try read(ControllerConfiguration(dataFolder: dataFolder)) {
            guard held.publicKey == key.raw else {
                throw ControllerError(
                    .conflict, "the data folder pins root \(held.id), not \(key.keyID)",
                    hint: "leave trust.root out once the fleet has its root; rotate with martlet root rotate")
            }
            return
        }
        try FleetPKI.makePrivateFolder(file(dataFolder).deletingLastPathComponent())
        try PrivateFile.write(
            Array("\(Hexadecimal.text(key.raw))\n".utf8), to: file(dataFolder).path(), mode: 0o644, replacing: false)
    }
}
