import Foundation

/// Where the guard of the private broker is found: `broker-guard/build` makes it, `scripts/build` puts it beside the
/// programs.
public enum BrokerGuard {
    static let fileName = "martlet-guard.so"
    static let folders = ["/usr/lib/martlet", "/usr/local/lib/martlet"]

    /// Beside this program, or where packages put it; nil if it is not installed.
    public static func find() -> String? {
        let beside = OwnProgram.path.map { [URL(filePath: $0).deletingLastPathComponent().path()] } ?? []
        return find(in: beside + folders)
    }

    static func find(in folders: [String]) -> String? {
        folders.map { URL(filePath: $0).appending(path: fileName).path() }
            .first { FileManager.default.isReadableFile(atPath: $0) }
    }
}
