import FleetCrypto
import FleetModel
package import ModelImage

/// The few things that a device does with files, each with an error that names the file and the cause.
package protocol DeviceFiles: Sendable {
    func makeFolder(_ path: String) throws(DeviceError)
    func exists(_ path: String) -> Bool
    func remove(_ path: String)
    /// Bytes of a file; nil if there is none.
    func size(of path: String) -> Int?
    /// Names in a folder, without `.` and `..`; empty if it cannot be read.
    func names(in folder: String) -> [String]
    /// Bytes that this process may still write to the disk that holds `path`.
    func freeBytes(at path: String) throws(DeviceError) -> Int
    /// Renames, and syncs the folder, so that the new name survives a power cut.
    func rename(_ old: String, to new: String) throws(DeviceError)
    func open(_ path: String, _ mode: FileMode) throws(DeviceError) -> any OpenFile
    /// Where the runtime finds an image's bytes.
    func image(at path: String) throws(DeviceError) -> ImageSource
}

/// How a file is opened.
package enum FileMode: Sendable {
    case read
    /// Made if need be; what is there stays.
    case update
    /// Made if need be; what is there goes.
    case replace
}

/// An open file that closes itself.
package protocol OpenFile: AnyObject {
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DeviceError)
    /// Reads up to `buffer.count` bytes from `offset`; 0 at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(DeviceError) -> Int
    /// What was written survives a power cut.
    func sync() throws(DeviceError)
    /// The same without holding up the loop, where the platform has a thread for it; in the order of the calls. `done`
    /// is told on any thread.
    func syncSoon(_ done: @escaping @Sendable (DeviceError?) -> Void)
}

extension OpenFile {
    /// At once.
    package func syncSoon(_ done: @escaping @Sendable (DeviceError?) -> Void) {
        do throws(DeviceError) {
            try sync()
            done(nil)
        } catch {
            done(error)
        }
    }

    /// Writes all of an array.
    func write(_ bytes: [UInt8], at offset: Int) throws(DeviceError) {
        // The error leaves the closure as a value: rethrowing would lose its type.
        var failure: DeviceError?
        bytes.withUnsafeBytes { buffer in
            do throws(DeviceError) { try write(buffer, at: offset) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Reads into an array, up to its present size.
    func read(into buffer: inout [UInt8], at offset: Int) throws(DeviceError) -> Int {
        // The error leaves the closure as a value: rethrowing would lose its type.
        var failure: DeviceError?
        let count = buffer.withUnsafeMutableBytes { bytes in
            do throws(DeviceError) { return try read(into: bytes, at: offset) } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return count
    }

    /// The SHA-256 of the whole file, read piece by piece.
    func digest() throws(DeviceError) -> Digest {
        var hash = SHA256()
        var offset = 0
        var buffer = [UInt8](unsafeUninitializedCapacity: DeviceLimits.fileBuffer) { $1 = DeviceLimits.fileBuffer }
        while true {
            let count = try read(into: &buffer, at: offset)
            if count == 0 { return hash.finish() }
            buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            offset += count
        }
    }
}

/// An image for the runtime: a file to map, or bytes that stay where they are while this lives.
package enum ImageSource {
    case file(path: String)
    case memory(ImageMemory)
}
