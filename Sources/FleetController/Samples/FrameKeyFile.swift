import FleetCrypto
import FleetModel
import Foundation

/// The file with the key that seals frames in the database.
enum FrameKeyFile {
    /// Reads 64 hexadecimal characters; white space around them is left out.
    static func read(_ file: URL) throws -> SealingKey {
        let mode = (try? FileManager.default.attributesOfItem(atPath: file.path))?[.posixPermissions] as? Int ?? 0
        guard mode & 0o077 == 0 else {
            throw ControllerError(.invalid, "others may read \(file.path)", hint: "chmod 600 \(file.path)")
        }
        do {
            let text = String(decoding: try PrivateFile.read(file.path), as: UTF8.self)
            if let key = Hexadecimal.bytes(text.trimmingCharacters(in: .whitespacesAndNewlines)).flatMap(
                SealingKey.init)
            {
                return key
            }
        } catch {
            throw ControllerError(.invalid, error.context, hint: hint(file))
        }
        throw ControllerError(.invalid, "\(file.path) is no frame key", hint: hint(file))
    }

    private static func hint(_ file: URL) -> String {
        "samples.frame_key names a file of 64 hexadecimal characters: (umask 077; openssl rand -hex 32 > \(file.path))"
    }
}
