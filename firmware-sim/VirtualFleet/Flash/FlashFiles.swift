import DeviceHost
import FleetModel
import ModelImage

/// A device's files on simulated flash.
struct FlashFiles: DeviceFiles {
    let flash: Flash

    func makeFolder(_ path: String) throws(DeviceError) {
        if flash.isDead { throw Self.noPower("make folder", path) }
    }

    func exists(_ path: String) -> Bool { flash.file(path) != nil }
    func remove(_ path: String) { flash.remove(path) }
    func size(of path: String) -> Int? { flash.file(path).flatMap(flash.size) }
    func names(in folder: String) -> [String] { flash.names(in: folder) }
    func freeBytes(at path: String) throws(DeviceError) -> Int { flash.freeBytes }

    func rename(_ old: String, to new: String) throws(DeviceError) {
        guard flash.rename(old, to: new) else { throw Self.noPower("rename to", new) }
    }

    func open(_ path: String, _ mode: FileMode) throws(DeviceError) -> any OpenFile {
        guard let file = flash.openFile(path, create: mode != .read) else { throw Self.noPower("open", path) }
        if mode == .replace, flash.truncate(file, to: 0) != .done { throw Self.noPower("truncate", path) }
        return OpenFlashFile(flash: flash, file: file, path: path)
    }

    func image(at path: String) throws(DeviceError) -> ImageSource {
        guard let bytes = flash.contents(path), !flash.isDead else { throw Self.noPower("map", path) }
        return .memory(ImageMemory(copying: bytes))
    }

    static func noPower(_ verb: String, _ path: String) -> DeviceError {
        DeviceError(.fileFailed, "cannot \(verb) \(path): no such file, or no power")
    }
}

private final class OpenFlashFile: OpenFile {
    private let flash: Flash
    private let file: FlashFile
    private let path: String

    init(flash: Flash, file: FlashFile, path: String) {
        self.flash = flash
        self.file = file
        self.path = path
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DeviceError) {
        switch flash.write(file, bytes, at: offset) {
        case .done: return
        case .full: throw DeviceError(.noSpace, "cannot write \(path): the simulated disk is full")
        case .noPower: throw FlashFiles.noPower("write", path)
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(DeviceError) -> Int {
        guard let count = flash.read(file, into: buffer, at: offset) else { throw FlashFiles.noPower("read", path) }
        return count
    }

    func sync() throws(DeviceError) {
        guard flash.sync(file) == .done else { throw FlashFiles.noPower("sync", path) }
    }
}
