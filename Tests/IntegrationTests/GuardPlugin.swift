import Foundation
import Testing

/// The broker's guard, compiled once for all tests of this process.
enum GuardPlugin {
    static let path = Result {
        let name = "guard-\(ProcessInfo.processInfo.processIdentifier)"
        let folder = FileManager.default.temporaryDirectory.appending(path: name)
        let file = folder.appending(path: "martlet-guard.so").path()
        let process = Process()
        process.executableURL = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "broker-guard/build")
        process.arguments = [file]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "broker-guard/build failed: scripts/dependencies test")
        return file
    }
}
