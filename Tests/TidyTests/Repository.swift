import Foundation

/// The repository that these tests look at, found from this file.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The text of a file, by its path in the repository.
    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// Swift files below a folder, links followed, in order of their paths.
    static func swiftFiles(in folder: String) throws -> [String] {
        var found: [String] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent(folder).path) {
            let path = "\(folder)/\(name)"
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path, isDirectory: &isFolder)
            if isFolder.boolValue {
                found += try swiftFiles(in: path)
            } else if name.hasSuffix(".swift") {
                found.append(path)
            }
        }
        return found.sorted()
    }

    /// Folders directly below a folder.
    static func folders(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent(folder).path)
            .filter { name in
                var isFolder: ObjCBool = false
                let path = root.appendingPathComponent("\(folder)/\(name)").path
                return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
            }
            .sorted()
    }

    /// Every source file of the product, parsed once.
    static func productSources() throws -> [SwiftSource] { try product.get() }
    /// Every test file, parsed once.
    static func testSources() throws -> [SwiftSource] { try tests.get() }

    private static let product = Result { try sources(["Sources", "firmware-sim"]) }
    private static let tests = Result { try sources(["Tests"]) }

    private static func sources(_ folders: [String]) throws -> [SwiftSource] {
        try folders.flatMap(swiftFiles).map { SwiftSource(path: $0, text: try text($0)) }
    }
}
