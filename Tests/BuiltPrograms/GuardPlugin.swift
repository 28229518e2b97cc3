import Foundation

/// The broker's guard, compiled once for all tests of this process.
public enum GuardPlugin {
    public static let path = Result {
        let name = "guard-\(ProcessInfo.processInfo.processIdentifier)"
        let folder = FileManager.default.temporaryDirectory.appending(path: name)
        let file = folder.appending(path: "martlet-guard.so").path()
        let process = Process()
        process.executableURL = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "broker-guard/build")
        process.arguments = [file]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw NotBuilt(description: "broker-guard/build failed: scripts/dependencies test")
        }
        return file
    }
}
