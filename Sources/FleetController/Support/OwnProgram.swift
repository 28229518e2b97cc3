import Foundation

/// The program that this process runs.
public enum OwnProgram {
    /// Where its file is; nil where `/proc` does not say.
    public static var path: String? { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") }
}
