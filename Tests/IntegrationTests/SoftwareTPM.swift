import Foundation
import Glibc
import Testing

/// A TPM 2.0 in software (swtpm) that holds one key for signatures, at the handle 0x81000001, and the environment in
/// which OpenSSL finds it.
final class SoftwareTPM: @unchecked Sendable {
    static let key = "handle:0x81000001"
    static let missing = "handle:0x81000099"
    /// The sample of docs/device.md.
    static let openSSLConfiguration = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "config/openssl-tpm2.cnf").path()

    private let folder: URL
    private let port: Int
    private var process: Process?

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "tpm-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // The library takes the next port for control.
        port = Int.random(in: 20_000..<30_000) & ~1
        try start()
        try tool(
            "tpm2_createprimary", "-Q", "-C", "o", "-g", "sha256", "-G", "ecc256", "-c", "key.ctx", "-a",
            "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign")
        try tool("tpm2_flushcontext", "-t")
        try tool("tpm2_evictcontrol", "-Q", "-C", "o", "-c", "key.ctx", "0x81000001")
        try tool("tpm2_flushcontext", "-t")
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(at: folder)
    }

    func start() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/swtpm")
        process.arguments = [
            "socket", "--tpm2", "--tpmstate", "dir=\(folder.path())", "--server",
            "type=tcp,port=\(port),bindaddr=127.0.0.1", "--ctrl", "type=tcp,port=\(port + 1),bindaddr=127.0.0.1",
            "--flags",
            "not-need-init,startup-clear",
        ]
        try process.run()
        self.process = process
        usleep(500_000)
    }

    /// The token is pulled out.
    func stop() {
        guard let process else { return }
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }

    var environment: [String: String] {
        let place = "swtpm:host=127.0.0.1,port=\(port)"
        return [
            "OPENSSL_CONF": Self.openSSLConfiguration, "TPM2OPENSSL_TCTI": place, "TPM2TOOLS_TCTI": place,
            "TSS2_LOG": "all+NONE", "PATH": "/usr/bin:/bin",
        ]
    }

    private func tool(_ name: String, _ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/\(name)")
        process.arguments = arguments
        process.environment = environment
        process.currentDirectoryURL = folder
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(name) failed: scripts/dependencies test")
    }
}
