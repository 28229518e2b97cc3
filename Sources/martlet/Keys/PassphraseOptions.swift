import ArgumentParser
import FleetCrypto
import Foundation
import Glibc

/// Where the passphrase of an encrypted key comes from.
struct PassphraseOptions: ParsableArguments {
    @Option(help: "A file whose first line is the passphrase of an encrypted key (default: asked for on the terminal).")
    var passphraseFile: String?

    /// Opens a private key; asks for a passphrase only where one is needed.
    func signingKey(_ file: String) throws -> SigningKey {
        guard try SigningKey.isEncrypted(pemFile: file) else { return try SigningKey(pemFile: file) }
        return try SigningKey(pemFile: file, passphrase: try passphrase(of: file))
    }

    /// The passphrase for a key that is being made; asked for twice on a terminal.
    func newPassphrase(of file: String) throws -> String {
        let first = try passphrase(of: file)
        guard first.utf8.count >= Self.leastBytes else {
            throw ValidationError("a passphrase has at least \(Self.leastBytes) characters")
        }
        if passphraseFile == nil, try Self.ask("Once more: ") != first {
            throw ValidationError("the two passphrases differ; nothing was made")
        }
        return first
    }

    private static let leastBytes = 8
    /// What OpenSSL reads at most.
    private static let mostBytes = 1024

    private func passphrase(of file: String) throws -> String {
        guard let passphraseFile else { return try Self.ask("Passphrase of \(file): ") }
        let text = String(decoding: try PrivateFile.read(passphraseFile), as: UTF8.self)
        let line = text.prefix { $0 != "\n" && $0 != "\r\n" }
        guard !line.isEmpty, line.utf8.count < Self.mostBytes else {
            throw ValidationError("the first line of \(passphraseFile) is no passphrase")
        }
        return String(line)
    }

    private static func ask(_ prompt: String) throws -> String {
        guard isatty(STDIN_FILENO) == 1, let text = getpass(prompt) else {
            throw ValidationError("the key is encrypted and there is no terminal to ask at: give --passphrase-file")
        }
        return String(cString: text)
    }
}
