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

/// One file: what readers see, and what takes it back to what is durable.
///
/// `@unchecked Sendable`: touched under its flash's lock alone.
final class FlashFile: @unchecked Sendable {
    private(set) var bytes: [UInt8]
    /// Changes since the last sync, in their order.
    private var pending: [Pending] = []
    /// Locks and shared memory of SQLite connections; gone with the power.
    let sharing = FileSharing()

    /// A change, and what it replaced: so a sync, which comes with every transaction, has nothing to copy.
    private struct Pending {
        let change: Change
        /// Bytes that were there before: from where the change begins, at most up to the file's end of then.
        var replaced: [UInt8]
        let sizeBefore: Int
    }

    private enum Change {
        case write(Range<Int>)
        case truncate(Int)

        var start: Int {
            switch self {
            case .write(let range): range.lowerBound
            case .truncate(let size): size
            }
        }
    }

    /// A file with these bytes, as if they had always been there.
    init(durable bytes: [UInt8] = []) { self.bytes = bytes }

    func write(_ source: UnsafeRawBufferPointer, at offset: Int) {
        let range = offset..<offset + source.count
        note(.write(range), replacing: range)
        Self.put(source, at: offset, in: &bytes)
    }

    func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        let count = min(target.count, max(0, bytes.count - offset))
        guard count > 0 else { return 0 }
        bytes.withUnsafeBytes { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count])) }
        return count
    }

    func truncate(to size: Int) {
        note(.truncate(size), replacing: size..<max(size, bytes.count))
        Self.resize(&bytes, to: size)
    }

    func sync() { pending.removeAll(keepingCapacity: true) }

    private func note(_ change: Change, replacing range: Range<Int>) {
        let replaced = Array(bytes[range.clamped(to: 0..<bytes.count)])
        pending.append(Pending(change: change, replaced: replaced, sizeBefore: bytes.count))
    }

    /// Writes over what is there and appends the rest; what lies between the end and `offset` becomes zeros.
    private static func put(_ source: UnsafeRawBufferPointer, at offset: Int, in bytes: inout [UInt8]) {
        if bytes.count < offset { resize(&bytes, to: offset) }
        let overlap = min(source.count, bytes.count - offset)
        bytes.withUnsafeMutableBytes {
            UnsafeMutableRawBufferPointer(rebasing: $0[offset..<offset + overlap])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<overlap]))
        }
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: source[overlap...]))
    }

    private static func resize(_ bytes: inout [UInt8], to size: Int) {
        if size < bytes.count {
            bytes.removeLast(bytes.count - size)
        } else {
            bytes.append(contentsOf: repeatElement(0, count: size - bytes.count))
        }
    }

    /// A bad cell is bad in what was there before, too.
    func flip(_ index: Int) {
        bytes[index] ^= 0x10
        for number in pending.indices {
            let place = index - pending[number].change.start
            if pending[number].replaced.indices.contains(place) { pending[number].replaced[place] ^= 0x10 }
        }
    }

    // MARK: Power cuts

    /// The file after a power cut.
    func survivor(_ chance: inout SeededGenerator) -> FlashFile {
        guard !pending.isEmpty else { return FlashFile(durable: bytes) }
        var survivor = durable
        // A quarter each: nothing survives, everything does, whole writes in any order do, single sectors do.
        switch chance.below(4) {
        case 0: break
        case 1: survivor = bytes
        case 2: for entry in pending where chance.below(2) == 0 { apply(entry.change, to: &survivor) }
        default: for entry in pending { tear(entry.change, to: &survivor, &chance) }
        }
        return FlashFile(durable: survivor)
    }

    /// What the last sync left: every change since is taken back, the last one first.
    var durable: [UInt8] {
        var bytes = bytes
        for entry in pending.reversed() {
            Self.resize(&bytes, to: entry.sizeBefore)
            let start = min(entry.change.start, entry.sizeBefore)
            entry.replaced.withUnsafeBytes { Self.put($0, at: start, in: &bytes) }
        }
        return bytes
    }

    private func tear(_ change: Change, to target: inout [UInt8], _ chance: inout SeededGenerator) {
        guard case .write(let range) = change else {
            if chance.below(2) == 0 { apply(change, to: &target) }
            return
        }
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(range.upperBound, (start / Flash.sectorBytes + 1) * Flash.sectorBytes)
            if chance.below(2) == 0 { apply(.write(start..<end), to: &target) }
            start = end
        }
    }

    /// Brings a change to `target`. Bytes come from the present content: what was written over since is one write.
    private func apply(_ change: Change, to target: inout [UInt8]) {
        switch change {
        case .truncate(let size):
            if size < target.count { Self.resize(&target, to: size) }
        case .write(let range):
            let range = range.clamped(to: 0..<bytes.count)
            guard !range.isEmpty else { return }
            bytes.withUnsafeBytes {
                Self.put(UnsafeRawBufferPointer(rebasing: $0[range]), at: range.lowerBound, in: &target)
            }
        }
    }
}
