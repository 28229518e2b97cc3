import FleetModel

/// The last inferences of a device, in one file of fixed size: a ring of records. Every record is handed to the operating
/// system at once, so that the end of the process loses none; `sync` makes them survive a power cut, which may take what
/// came after the last one.
final class Journal {
    private let file: any OpenFile
    /// Records that the ring holds.
    let capacity: Int
    /// The next record's number, from 1.
    private(set) var next: UInt64 = 1
    private var isSynced = true

    /// Opens the ring and finds its end. A ring of another size begins anew.
    init(path: String, capacity: Int, files: any DeviceFiles) throws(DeviceError) {
        self.capacity = capacity
        if let size = files.size(of: path), size > capacity * JournalEntry.bytes { files.remove(path) }
        file = try files.open(path, .update)
        next = try Self.newest(in: file) + 1
    }

    func add(_ entry: JournalEntry) throws(DeviceError) {
        let place = Int((entry.number - 1) % UInt64(capacity))
        try file.write(entry.record, at: place * JournalEntry.bytes)
        next = entry.number + 1
        isSynced = false
    }

    func sync() throws(DeviceError) {
        guard !isSynced else { return }
        try file.sync()
        isSynced = true
    }

    /// The newest entries, newest first.
    func last(_ count: Int, input: Digest? = nil) throws(DeviceError) -> [JournalEntry] {
        try Self.last(count, input: input, in: file)
    }

    /// The same of a file that another process may be writing.
    static func last(
        _ count: Int, input: Digest? = nil, path: String, files: any DeviceFiles
    ) throws(DeviceError) -> [JournalEntry] {
        try last(count, input: input, in: try files.open(path, .read))
    }

    private static func last(
        _ count: Int, input: Digest?, in file: any OpenFile
    ) throws(DeviceError) -> [JournalEntry] {
        let newest = try newest(in: file)
        let oldest = input == nil ? newest - min(newest, UInt64(count)) : 0
        var found: [JournalEntry] = []
        try read(file) { entry in
            guard entry.number > oldest, input == nil || entry.input == input else { return }
            found.append(entry)
            // Twice as many as are wanted, at most: then the older half goes.
            if found.count > 2 * count { found = Array(found.sorted { $0.number > $1.number }.prefix(count)) }
        }
        return Array(found.sorted { $0.number > $1.number }.prefix(count))
    }

    private static func newest(in file: any OpenFile) throws(DeviceError) -> UInt64 {
        var newest: UInt64 = 0
        try read(file) { newest = max(newest, $0.number) }
        return newest
    }

    /// Every whole record, in the order of the file. What does not read as one is passed over.
    private static func read(_ file: any OpenFile, _ body: (JournalEntry) -> Void) throws(DeviceError) {
        var buffer = [UInt8](repeating: 0, count: 256 * JournalEntry.bytes)
        var offset = 0
        while true {
            let whole = try file.read(into: &buffer, at: offset) / JournalEntry.bytes
            for record in 0..<whole {
                let start = record * JournalEntry.bytes
                if let entry = JournalEntry(record: buffer[start..<start + JournalEntry.bytes]) { body(entry) }
            }
            guard whole > 0 else { return }
            offset += whole * JournalEntry.bytes
        }
    }
}
