import Foundation
import Glibc

/// Keeps a second controller off a data folder: an advisory lock that the kernel drops with the process, however it
/// ends.
final class DataFolderLock: Sendable {
    private let descriptor: Int32

    /// - Throws: `conflict` if another process holds the folder.
    init(folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let path = folder.appendingPathComponent("controller.lock").path
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ControllerError(
                .unavailable, "\(path) cannot be opened: \(String(cString: strerror(errno)))",
                hint: "check the permissions of the data folder")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw ControllerError(
                .conflict, "another controller works on \(folder.path)", hint: "stop it, or use another data folder")
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}
