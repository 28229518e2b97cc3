package import FleetModel
import Glibc

/// A release at work in a slot.
package struct ModelWork: Hashable, Sendable {
    package var slot: SlotName
    package var release: Digest

    package init(slot: SlotName, release: Digest) {
        self.slot = slot
        self.release = release
    }
}

/// Remembers across the end of the process which release was at work, so that a model that ends the process is known
/// for it. It costs an inference two writes to memory.
package protocol CrashMarker: AnyObject, Sendable {
    /// What was at work when the process before this one ended; nil if nothing was.
    func left() -> ModelWork?
    func enter(_ work: ModelWork)
    func leave()
}

/// Remembers nothing: where a process cannot end by itself.
package final class NoMarker: CrashMarker {
    package init() {}
    package func left() -> ModelWork? { nil }
    package func enter(_ work: ModelWork) {}
    package func leave() {}
}

/// A page of a mapped file. The kernel keeps it when the process ends; a power cut is no crash, so the page also says in
/// which boot of the kernel it was written, and counts in no other.
///
/// `@unchecked Sendable`: belongs to the host's loop.
package final class MappedMarker: CrashMarker, @unchecked Sendable {
    /// Where the flag, the kernel's boot, the release and the slot's length and name lie.
    private enum Offset {
        static let boot = 16
        static let release = 64
        static let slot = 96
    }

    private static let bytes = 4096
    private static let bootBytes = 36
    private let page: UnsafeMutableRawPointer
    private let boot: [UInt8]

    /// Maps the file, and makes it if need be; nil where that is impossible, as on a disk that is read-only or full.
    package init?(path: String, boot: String? = SmallFile.text("/proc/sys/kernel/random/boot_id")) {
        self.boot = Array((boot ?? "").utf8.prefix(Self.bootBytes))
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // Room is reserved: touching a page that a full disk cannot hold would end the process.
        guard posix_fallocate(descriptor, 0, off_t(Self.bytes)) == 0,
            let page = mmap(nil, Self.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), page != MAP_FAILED
        else { return nil }
        self.page = page
    }

    deinit { munmap(page, Self.bytes) }

    package func left() -> ModelWork? {
        guard page.load(as: UInt8.self) == 1, !boot.isEmpty, read(boot.count, at: Offset.boot) == boot,
            let release = Digest(read(Digest.byteCount, at: Offset.release))
        else { return nil }
        let length = Int(page.load(fromByteOffset: Offset.slot, as: UInt8.self))
        guard let slot = try? SlotName(String(decoding: read(length, at: Offset.slot + 1), as: UTF8.self)) else {
            return nil
        }
        return ModelWork(slot: slot, release: release)
    }

    package func enter(_ work: ModelWork) {
        let slot = Array(work.slot.text.utf8.prefix(Int(UInt8.max)))
        write(boot, at: Offset.boot)
        write(work.release.bytes, at: Offset.release)
        page.storeBytes(of: UInt8(slot.count), toByteOffset: Offset.slot, as: UInt8.self)
        write(slot, at: Offset.slot + 1)
        page.storeBytes(of: 1, as: UInt8.self)
    }

    package func leave() { page.storeBytes(of: 0, as: UInt8.self) }

    private func read(_ count: Int, at offset: Int) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: page + offset, count: count))
    }

    private func write(_ bytes: [UInt8], at offset: Int) {
        UnsafeMutableRawBufferPointer(start: page + offset, count: bytes.count).copyBytes(from: bytes)
    }
}
