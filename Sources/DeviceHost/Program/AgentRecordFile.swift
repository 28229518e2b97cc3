package import DeviceCore
import FleetModel
import FleetWire

/// Where the agent's record lies: `agent` in the device's folder, replaced whole and durably.
package struct AgentRecordFile: Sendable {
    private let path: String
    private let files: any DeviceFiles

    package init(folder: String, files: any DeviceFiles) {
        path = "\(folder)/agent"
        self.files = files
    }

    /// The record. One that is not there or cannot be read means the installed program: that one always runs.
    package func load() -> AgentRecord {
        guard files.exists(path), let file = try? files.open(path, .read) else { return AgentRecord() }
        var bytes = [UInt8](repeating: 0, count: AgentRecord.byteLimit)
        guard let count = try? file.read(into: &bytes, at: 0) else { return AgentRecord() }
        return (try? AgentRecord(decoding: Array(bytes[..<count]))) ?? AgentRecord()
    }

    /// Nothing on the record's disk can be written.
    var isOnReadOnlyDisk: Bool { SystemFiles.isOnReadOnlyDisk(path) }

    /// Stores the record: after a power cut there is this one or the one before, never a part of it.
    package func store(_ record: AgentRecord) throws(DeviceError) {
        let new = "\(path).new"
        let file = try files.open(new, .replace)
        try file.write(record.encoded(), at: 0)
        try file.sync()
        try files.rename(new, to: path)
    }
}
