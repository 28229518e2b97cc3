import Foundation

/// Whole data files, bounded, with `.gz` unpacked by the system's gzip.
enum DataFile {
    static func bytes(of path: String) throws(FrameSourceError) -> [UInt8] {
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw FrameSourceError(file: path, message: "there is no such file, or it may not be read")
        }
        let data = path.hasSuffix(".gz") ? try unpacked(path) : try plain(path)
        guard data.count <= FrameSourceLimits.fileBytes else {
            throw FrameSourceError(file: path, message: "is over \(FrameSourceLimits.fileBytes) bytes: split it")
        }
        return data
    }

    private static func plain(_ path: String) throws(FrameSourceError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw FrameSourceError(file: path, message: "could not be read")
        }
        return [UInt8](data)
    }

    private static func unpacked(_ path: String) throws(FrameSourceError) -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/gzip")
        process.arguments = ["-dc", "--", path]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            throw FrameSourceError(file: path, message: "gzip is not installed: unpack the file by hand")
        }
        var bytes: [UInt8] = []
        while bytes.count <= FrameSourceLimits.fileBytes {
            let data = pipe.fileHandleForReading.availableData
            if data.isEmpty { break }
            bytes.append(contentsOf: data)
        }
        if bytes.count > FrameSourceLimits.fileBytes { process.terminate() }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw FrameSourceError(file: path, message: "is not a whole gzip file")
        }
        return bytes
    }
}
