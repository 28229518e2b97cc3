import FleetModel
import FleetStore
import FleetWire

/// What agents say of themselves.
extension IngestTransaction {
    /// Stores the lines of a message once. Which release they speak of does not matter: nothing is decided by them.
    mutating func applyLog(_ log: DeviceLog, of device: DeviceRecord) throws {
        let boot = StreamCursors.Boot(device: device.id, text: log.boot)
        let isNew = try !cursors.holds(log.sequence, of: .log, boot)
        if isNew {
            try log.store(database, of: device.id, at: now)
            changes.append(ChangeEvent(.log, device.id))
        }
        try commit(log.sequence, of: .log, boot, isNew: isNew)
    }
}
