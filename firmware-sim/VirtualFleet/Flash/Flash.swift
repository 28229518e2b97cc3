import Sketches
import Synchronization

/// The disk of one simulated machine: a flat namespace of files whose writes are durable only after a sync.
///
/// A power cut loses, keeps or tears what was not synced, sector by sector, in any order; it applies only a prefix of
/// the creations, renames and deletions that no sync had made durable. Everything that could make something durable
/// is an *operation* with a number, so that the power can be cut at each.
///
/// `@unchecked Sendable`: every member is touched under `lock`; GRDB's connections live on threads of their own.
final class Flash: @unchecked Sendable {
    /// The unit of a torn write, in bytes.
    static let sectorBytes = 512

    let lock = Mutex(())
    private var entries: [String: FlashFile] = [:]
    private var durableEntries: [String: FlashFile] = [:]
    private var namespaceLog: [NamespaceChange] = []
    /// Bytes that all files may hold together.
    var capacity = 64 << 20
    private var usedBytes = 0
    /// Rises with every power cut: files opened before it are dead.
    private(set) var epoch = 0
    /// Operations so far.
    private(set) var operations = 0
    /// The operation at which the power goes, if any.
    private var cutAt: Int?
    /// A cut that waits for a file with this in its path to be made, and the operations from then to the cut.
    private var waitingCut: (path: String, operations: Int)?
    /// The power went, and nothing was booted since.
    private(set) var isDead = false

    private enum NamespaceChange {
        case create(String, FlashFile)
        case remove(String)
        case rename(String, String)

        func creates(_ file: FlashFile) -> Bool {
            if case .create(_, let created) = self { created === file } else { false }
        }
    }

    // MARK: Power

    /// Cuts the power at operation number `operation`, counted from the disk's beginning.
    func cut(at operation: Int?) {
        lock.withLock { _ in
            cutAt = operation
            waitingCut = nil
        }
    }

    /// Cuts the power so many operations after a file has been made whose path holds `path`.
    func cut(afterMaking path: String, operations: Int) {
        lock.withLock { _ in waitingCut = (path, operations) }
    }

    /// The power goes now: nothing more reaches the disk.
    func kill() { lock.withLock { _ in isDead = true } }

    /// What is left of the disk after the power cut, drawn from `chance`; opens a new epoch.
    func powerUp(_ chance: inout SeededGenerator) {
        lock.withLock { _ in
            isDead = false
            cutAt = nil
            epoch += 1
            let kept = Int(chance.below(UInt64(namespaceLog.count + 1)))
            for change in namespaceLog.prefix(kept) { applyDurably(change) }
            namespaceLog.removeAll()
            entries = [:]
            // In the order of names: the draw must not depend on a hash.
            for path in durableEntries.keys.sorted() {
                guard let file = durableEntries[path] else { continue }
                entries[path] = file.survivor(&chance)
            }
            durableEntries = entries
            usedBytes = entries.values.reduce(0) { $0 + $1.bytes.count }
        }
    }

    /// Every process that had files open is gone; what it wrote stays.
    func closeAll() { lock.withLock { _ in epoch += 1 } }

    /// Counts an operation; false if the power is gone, or goes with it.
    private func operate() -> Bool {
        if isDead { return false }
        operations += 1
        if let cutAt, operations >= cutAt {
            isDead = true
            return false
        }
        return true
    }

    // MARK: Names

    func file(_ path: String) -> FlashFile? { lock.withLock { _ in isDead ? nil : entries[path] } }

    /// Opens a file, making it if need be; nil without power.
    func openFile(_ path: String, create: Bool) -> FlashFile? {
        lock.withLock { _ in
            guard !isDead else { return nil }
            if let file = entries[path] { return file }
            guard create, operate() else { return nil }
            if let waiting = waitingCut, path.contains(waiting.path) {
                cutAt = operations + waiting.operations
                waitingCut = nil
            }
            let file = FlashFile()
            entries[path] = file
            namespaceLog.append(.create(path, file))
            return file
        }
    }

    func remove(_ path: String, isSynced: Bool = false) {
        lock.withLock { _ in
            guard operate(), let file = entries.removeValue(forKey: path) else { return }
            usedBytes -= file.bytes.count
            namespaceLog.append(.remove(path))
            if isSynced { syncNames() }
        }
    }

    /// Renames and syncs the folder; false if there is no such file or no power.
    func rename(_ old: String, to new: String) -> Bool {
        lock.withLock { _ in
            guard operate(), let file = entries.removeValue(forKey: old) else { return false }
            if let replaced = entries[new] { usedBytes -= replaced.bytes.count }
            entries[new] = file
            namespaceLog.append(.rename(old, new))
            guard operate() else { return false }
            syncNames()
            return true
        }
    }

    /// Names below a folder, in order.
    func names(in folder: String) -> [String] {
        lock.withLock { _ in
            guard !isDead else { return [] }
            let prefix = folder + "/"
            return entries.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }.sorted()
        }
    }

    private func syncNames() {
        for change in namespaceLog { applyDurably(change) }
        namespaceLog.removeAll(keepingCapacity: true)
    }

    private func applyDurably(_ change: NamespaceChange) {
        switch change {
        case .create(let path, let file): durableEntries[path] = file
        case .remove(let path): durableEntries[path] = nil
        case .rename(let old, let new):
            if let file = durableEntries.removeValue(forKey: old) { durableEntries[new] = file }
        }
    }

    // MARK: Bytes

    var freeBytes: Int { lock.withLock { _ in max(0, capacity - usedBytes) } }

    /// What became of an operation.
    enum Outcome { case done, noPower, full }

    func write(_ file: FlashFile, _ source: UnsafeRawBufferPointer, at offset: Int) -> Outcome {
        lock.withLock { _ in
            guard !isDead else { return .noPower }
            let growth = max(0, offset + source.count - file.bytes.count)
            guard growth == 0 || usedBytes + growth <= capacity else { return .full }
            // The write that the cut falls on may reach the disk: it is among what is drawn.
            let isPowered = operate()
            file.write(source, at: offset)
            usedBytes += growth
            return isPowered ? .done : .noPower
        }
    }

    func read(_ file: FlashFile, into target: UnsafeMutableRawBufferPointer, at offset: Int) -> Int? {
        lock.withLock { _ in isDead ? nil : file.read(into: target, at: offset) }
    }

    func size(_ file: FlashFile) -> Int? { lock.withLock { _ in isDead ? nil : file.bytes.count } }

    func truncate(_ file: FlashFile, to size: Int) -> Outcome {
        lock.withLock { _ in
            guard operate() else { return .noPower }
            usedBytes += size - file.bytes.count
            file.truncate(to: size)
            return .done
        }
    }

    func sync(_ file: FlashFile) -> Outcome {
        lock.withLock { _ in
            guard operate() else { return .noPower }
            file.sync()
            // A synced file has its name (ext4, F2FS): what made it is durable with it.
            if namespaceLog.contains(where: { $0.creates(file) }) { syncNames() }
            return .done
        }
    }

    // MARK: From outside

    /// Puts a file on the disk as if it had always been there.
    func install(_ bytes: [UInt8], as path: String) {
        lock.withLock { _ in
            let file = FlashFile(durable: bytes)
            entries[path] = file
            durableEntries[path] = file
            usedBytes += bytes.count
        }
    }

    /// A cell goes bad: one bit of a file flips, for good. False if there is nothing to flip.
    func rot(_ path: String, _ chance: inout SeededGenerator) -> Bool {
        lock.withLock { _ in
            guard let file = entries[path], !file.bytes.isEmpty else { return false }
            file.flip(Int(chance.below(UInt64(file.bytes.count))))
            return true
        }
    }

    /// A file's bytes as a reader would see them now.
    func contents(_ path: String) -> [UInt8]? { lock.withLock { _ in entries[path]?.bytes } }

    /// All files that end in `suffix`, as a reader would see them now.
    func paths(suffix: String) -> [String] {
        lock.withLock { _ in entries.keys.filter { $0.hasSuffix(suffix) }.sorted() }
    }

    var used: Int { lock.withLock { _ in usedBytes } }
}

/// One file: what readers see, what is durable, and what lies between the two.
///
/// `@unchecked Sendable`: touched under its flash's lock alone.
final class FlashFile: @unchecked Sendable {
    private(set) var bytes: [UInt8] = []
    private var durable: [UInt8] = []
    private var pending: [Pending] = []
    /// Locks and shared memory of SQLite connections; gone with the power.
    let sharing = FileSharing()

    private enum Pending {
        case write(Range<Int>)
        case truncate(Int)
    }

    init() {}

    init(durable: [UInt8]) {
        bytes = durable
        self.durable = durable
    }

    func write(_ source: UnsafeRawBufferPointer, at offset: Int) {
        Self.put(source, at: offset, in: &bytes)
        pending.append(.write(offset..<offset + source.count))
    }

    func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        let count = min(target.count, max(0, bytes.count - offset))
        guard count > 0 else { return 0 }
        bytes.withUnsafeBytes { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count])) }
        return count
    }

    func truncate(to size: Int) {
        if size < bytes.count {
            bytes.removeLast(bytes.count - size)
        } else {
            bytes.append(contentsOf: repeatElement(0, count: size - bytes.count))
        }
        pending.append(.truncate(size))
    }

    func sync() {
        if pending.count > Self.wholeCopy {
            // Not `durable = bytes`: the next write would copy all of it.
            apply(.write(0..<bytes.count), to: &durable)
        } else {
            for change in pending { apply(change, to: &durable) }
        }
        if durable.count > bytes.count { durable.removeLast(durable.count - bytes.count) }
        pending.removeAll(keepingCapacity: true)
    }

    /// Writes over what is there and appends the rest; what lies between the end and `offset` becomes zeros.
    private static func put(_ source: UnsafeRawBufferPointer, at offset: Int, in bytes: inout [UInt8]) {
        if bytes.count < offset { bytes.append(contentsOf: repeatElement(0, count: offset - bytes.count)) }
        let overlap = min(source.count, bytes.count - offset)
        bytes.withUnsafeMutableBytes {
            UnsafeMutableRawBufferPointer(rebasing: $0[offset..<offset + overlap])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<overlap]))
        }
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: source[overlap...]))
    }

    /// Changes beyond which the whole file is copied.
    private static let wholeCopy = 64

    func flip(_ index: Int) {
        bytes[index] ^= 0x10
        if durable.indices.contains(index) { durable[index] ^= 0x10 }
    }

    /// The file after a power cut.
    func survivor(_ chance: inout SeededGenerator) -> FlashFile {
        guard !pending.isEmpty else { return FlashFile(durable: durable) }
        // A quarter each: nothing survives, everything does, whole writes in any order do, single sectors do.
        let mode = chance.below(4)
        for change in pending {
            switch mode {
            case 0: continue
            case 1: apply(change, to: &durable)
            case 2: if chance.below(2) == 0 { apply(change, to: &durable) }
            default: tear(change, &chance)
            }
        }
        pending.removeAll()
        return FlashFile(durable: durable)
    }

    private func tear(_ change: Pending, _ chance: inout SeededGenerator) {
        guard case .write(let range) = change else {
            if chance.below(2) == 0 { apply(change, to: &durable) }
            return
        }
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(range.upperBound, (start / Flash.sectorBytes + 1) * Flash.sectorBytes)
            if chance.below(2) == 0 { apply(.write(start..<end), to: &durable) }
            start = end
        }
    }

    /// Brings a change to `target`. Bytes come from the present content: what was written over since is one write.
    private func apply(_ change: Pending, to target: inout [UInt8]) {
        switch change {
        case .truncate(let size):
            if size < target.count { target.removeLast(target.count - size) }
        case .write(let range):
            let range = range.clamped(to: 0..<bytes.count)
            guard !range.isEmpty else { return }
            bytes.withUnsafeBytes {
                Self.put(UnsafeRawBufferPointer(rebasing: $0[range]), at: range.lowerBound, in: &target)
            }
        }
    }
}
